// The difference of two texts, word by word: what only the first has, what only the second has, what both have.

// Scripts that put no blanks between words.
const UNSPACED = "\\p{sc=Han}\\p{sc=Hiragana}\\p{sc=Katakana}\\p{sc=Thai}\\p{sc=Lao}\\p{sc=Khmer}\\p{sc=Myanmar}";
const LETTER = `(?:(?![${UNSPACED}])[\\p{L}\\p{M}_])`;
// Runs without blanks, words with their contractions, numbers, blanks, flags, and any other character with its marks.
const TOKEN = new RegExp(
  `([${UNSPACED}]+)|${LETTER}(?:${LETTER}|\\p{N})*(?:['’]${LETTER}+)*|\\p{N}+(?:[.,]\\p{N}+)*|\\r?\\n|[^\\S\\r\\n]+` +
    "|\\p{RI}\\p{RI}|[^][\\p{M}\\p{Emoji_Modifier}]*",
  "gu",
);
// Beyond this many words a text is compared by its lines; and no search goes further than so many changes.
const MOST_TOKENS = 4000,
  MOST_CHANGES = 4000,
  MOSTLY = 0.6;

/** A text in pieces, whose joining gives the text again: words, numbers, runs of blanks, line ends, single marks. */
function tokens(text) {
  const found = [];
  for (const match of text.matchAll(TOKEN)) {
    if (match[1] === undefined) found.push(match[0]);
    else found.push(...unspacedWords(match[1]));
  }
  return found;
}

let segmenter;
function unspacedWords(run) {
  if (typeof Intl === "undefined" || !Intl.Segmenter) return Array.from(run);
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "word" });
  return Array.from(segmenter.segment(run), (each) => each.segment);
}

/**
 * The edits that turn text `a` into text `b`: [{op: "same" | "removed" | "added", text}], no two of a kind in a row.
 * As few pieces are removed and added as can be. {mostly: true} where more than 60 % of what can be seen changed.
 */
function wordDiff(a, b) {
  if (a === b) return [{ op: "same", text: a }];
  let [one, two] = [tokens(a), tokens(b)];
  if (Math.max(one.length, two.length) > MOST_TOKENS)
    [one, two] = [a, b].map((text) => text.match(/[^\n]*\n|[^\n]+/g) ?? []);
  const kept = sharedPlaces(one, two, Math.min(MOST_CHANGES, Math.ceil(MOSTLY * (one.length + two.length))));
  if (!kept) return { mostly: true };
  const edits = [];
  const put = (op, text) => {
    if (!text) return;
    if (edits.at(-1)?.op === op) edits.at(-1).text += text;
    else edits.push({ op, text });
  };
  let [i, j] = [0, 0];
  for (const [at, beside] of [...kept, [one.length, two.length]]) {
    put("removed", one.slice(i, at).join(""));
    put("added", two.slice(j, beside).join(""));
    put("same", one[at]);
    [i, j] = [at + 1, beside + 1];
  }
  const seen = (op) =>
    edits.reduce((sum, each) => sum + (each.op === op ? each.text.replace(/\s+/g, "").length : 0), 0);
  const changed = seen("removed") + seen("added");
  return changed > MOSTLY * (changed + 2 * seen("same")) ? { mostly: true } : edits;
}

/**
 * A longest common subsequence of two lists, as pairs of places [in a, in b] in order; null where it takes more than
 * `most` changes. Myers, "An O(ND) difference algorithm and its variations" (1986), the linear-space version.
 */
function sharedPlaces(a, b, most = Infinity) {
  const numbers = new Map(); // comparing numbers is cheaper than comparing texts
  const [left, right] = [a, b].map((list) =>
    Int32Array.from(list, (each) => {
      if (!numbers.has(each)) numbers.set(each, numbers.size);
      return numbers.get(each);
    }),
  );
  const kept = [];
  const parts = [[0, a.length, 0, b.length]];
  let first = true;
  while (parts.length) {
    let [from, to, start, end] = parts.pop();
    while (from < to && start < end && left[from] === right[start]) kept.push([from++, start++]);
    while (from < to && start < end && left[to - 1] === right[end - 1]) kept.push([--to, --end]);
    if (from < to && start < end) {
      const middle = middleSnake(left, right, from, to, start, end, first ? most : Infinity);
      if (!middle) return null;
      parts.push([from, middle[0], start, middle[1]], [middle[0], to, middle[1], end]);
    }
    first = false;
  }
  return kept.sort((one, other) => one[0] - other[0]);
}

/** A point that a shortest path through this box passes, about halfway; null where it takes more than `most` edits. */
function middleSnake(a, b, from, to, start, end, most) {
  const [n, m] = [to - from, end - start];
  const delta = n - m,
    odd = delta % 2 !== 0,
    half = Math.ceil((n + m) / 2),
    size = 2 * half + 2;
  // How far along each diagonal so many edits come: from the front, and from the back.
  const ahead = new Int32Array(size),
    back = new Int32Array(size);
  for (let d = 0; d <= half && 2 * d - 1 <= most; d++) {
    const low = -(d - 2 * Math.max(0, d - m)),
      high = d - 2 * Math.max(0, d - n); // the diagonals within the box
    for (let k = low; k <= high; k += 2) {
      let x =
        k === -d || (k !== d && ahead[half + k - 1] < ahead[half + k + 1])
          ? ahead[half + k + 1]
          : ahead[half + k - 1] + 1;
      while (x < n && x - k < m && a[from + x] === b[start + x - k]) x++;
      ahead[half + k] = x;
      if (odd && Math.abs(delta - k) < d && x + back[half + delta - k] >= n) return [from + x, start + x - k];
    }
    for (let k = low; k <= high; k += 2) {
      let x =
        k === -d || (k !== d && back[half + k - 1] < back[half + k + 1]) ? back[half + k + 1] : back[half + k - 1] + 1;
      while (x < n && x - k < m && a[to - 1 - x] === b[end - 1 - x + k]) x++;
      back[half + k] = x;
      if (!odd && Math.abs(delta - k) <= d && x + ahead[half + delta - k] >= n) return [to - x, end - x + k];
    }
  }
  return null;
}
