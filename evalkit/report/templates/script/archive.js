// Several files as one: a zip archive.

/** A zip archive of text files, not compressed: [{name, text}] → Blob. After PKWARE's APPNOTE.TXT, 4.3 and 4.4.4. */
function zipOf(files) {
  const parts = [];
  const entries = [];
  let offset = 0;
  for (const { name, text } of files) {
    const [title, bytes] = [name, text].map((each) => new TextEncoder().encode(each));
    // version 2.0, names in UTF-8, stored, 1 January 1980: the same examples make the same bytes
    const shared = [
      [2, 20],
      [2, 0x0800],
      [2, 0],
      [2, 0],
      [2, 0x0021],
      [4, crc32(bytes)],
      [4, bytes.length],
      [4, bytes.length],
      [2, title.length],
      [2, 0],
    ];
    const head = littleEndian([[4, 0x04034b50], ...shared]);
    entries.push(
      littleEndian([[4, 0x02014b50], [2, 20], ...shared, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]]),
      title,
    );
    parts.push(head, title, bytes);
    offset += head.length + title.length + bytes.length;
  }
  const size = entries.reduce((sum, each) => sum + each.length, 0);
  const end = littleEndian([
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, files.length],
    [2, files.length],
    [4, size],
    [4, offset],
    [2, 0],
  ]);
  return new Blob([...parts, ...entries, end], { type: "application/zip" });
}

function littleEndian(fields) {
  const bytes = [];
  for (const [width, value] of fields) for (let at = 0; at < width; at++) bytes.push((value >>> (8 * at)) & 0xff);
  return Uint8Array.from(bytes);
}

/** The checksum of zip and PNG: polynomial 0xEDB88320, reflected. */
function crc32(bytes) {
  let sum = -1;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return (sum ^ -1) >>> 0;
}
