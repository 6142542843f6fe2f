"use strict";
// The examples that the page carries: an index of all of them, and their texts in blocks that are unpacked when wanted.
// Everything in them is text that the sanitiser has passed; it is only ever inserted as text.

/** Unpacks one block: base64 of zlib-compressed JSON. Rejects where the browser cannot unpack. */
async function unpack(block) {
  const packed = atob(block.textContent);
  const bytes = Uint8Array.from(packed, (char) => char.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

/**
 * Opens the examples of a page; null where it has none.
 * Columns of the index stay as they are; `coded(column, i)` reads one of `{values, codes}`, null where it is absent.
 */
async function openExamples(root) {
  const index = root.querySelector('script[data-holds="index"]');
  if (!index) return null;
  const blocks = [...root.querySelectorAll('script[data-holds="texts"]')];
  const store = await unpack(index);
  const read = new Array(blocks.length); // of each block what it holds, once it is unpacked
  const reading = new Array(blocks.length);

  const block = (at) => {
    reading[at] ??= unpack(blocks[at]).then((found) => (read[at] = found));
    return reading[at];
  };
  const textsOf = (i) => {
    if (i >= store.texts) return null;
    const found = read[Math.floor(i / store.block)];
    if (!found) return undefined;
    const at = i % store.block;
    const sides = {};
    for (const [role, columns] of Object.entries(found.sides)) {
      const cell = (name) => columns[name]?.[at] ?? null;
      const answer = cell("answer");
      let text = cell("text");
      if (text === 0) text = answer;
      else if (text === 1) text = sides.teacher.text;
      sides[role] = { answer, text, reasoning: cell("reasoning"), why: cell("why"), error: cell("error") };
    }
    return { input: found.input[at], target: found.target[at], sides };
  };
  return Object.freeze({
    ...store,
    /** The texts of example i: {input, target, sides: {role: {answer, text, reasoning, why, error}}}; null where the
     *  page has none of it, undefined where its block has not been unpacked yet. */
    textsNow: textsOf,
    /** The same, unpacking what it takes. */
    async texts(i) {
      if (i < store.texts) await block(Math.floor(i / store.block));
      return textsOf(i);
    },
    /** Unpacks every block; tells the share that is done. */
    async readAll(done = () => {}) {
      for (let at = 0; at < blocks.length; at++) {
        await block(at);
        done((at + 1) / blocks.length);
      }
    },
  });
}

/** The value of row i in a column `{values, codes}`; null where the column is absent. */
function coded(column, i) {
  return column ? column.values[column.codes[i]] : null;
}
