"use strict";
// The examples that the page carries: an index of all of them, and their texts in blocks that are unpacked when wanted.
// Everything in them is text that the sanitiser has passed; it is only ever inserted as text.

/** Unpacks one block: base64 of zlib-compressed JSON. Rejects where the browser cannot unpack. */
async function unpack(block) {
  const packed = atob(block.textContent);
  const bytes = new Uint8Array(packed.length);
  for (let at = 0; at < packed.length; at++) bytes[at] = packed.charCodeAt(at);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

/**
 * Opens the examples of a page; null where it has none, rejected where they cannot be unpacked.
 * Columns of the index stay as they are; `coded(column, i)` reads one of `{values, codes}`, null where it is absent.
 */
async function openExamples(root) {
  const index = root.querySelector('script[data-holds="index"]');
  if (!index) return null;
  const blocks = [...root.querySelectorAll('script[data-holds="texts"]')];
  const store = await unpack(index);
  store.texts_held = Math.min(store.n, blocks.length * store.block);
  const read = new Array(blocks.length); // of each block what it holds, once it is unpacked
  const reading = new Array(blocks.length);

  const block = (at) => {
    reading[at] ??= unpack(blocks[at]).catch(() => null).then((found) => (read[at] = found));
    return reading[at];
  };
  const textsOf = (i) => {
    if (i >= store.texts_held) return null;
    const found = read[Math.floor(i / store.block)];
    if (!found) return found; // undefined: not yet; null: it could not be unpacked
    const at = i % store.block;
    const labels = labelsOf(store, i);
    const sides = {};
    for (const [role, columns] of Object.entries(found.sides)) {
      const cell = (name) => columns[name]?.[at] ?? null;
      const answer = labels ? (labels.sides[role]?.answer ?? null) : cell("answer");
      let text = cell("text");
      if (text === 0) text = answer;
      else if (text === 1) text = sides.teacher.text;
      sides[role] = { answer, text, reasoning: cell("reasoning"), why: cell("why"), error: cell("error") };
    }
    const choices = found.choices?.[at] ?? null;
    return { input: found.input[at], target: labels ? labels.target : found.target[at], choices, sides };
  };
  return Object.freeze({
    ...store,
    /** The texts of example i: {input, target, choices, sides: {role: {answer, text, reasoning, why, error}}}; null where the
     *  page has none of it or its block is broken, undefined where its block has not been unpacked yet. */
    textsNow: textsOf,
    /** The same, unpacking what it takes; never rejected. */
    async texts(i) {
      if (i < store.texts_held) await block(Math.floor(i / store.block));
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

/** Target and answers of row i, {target, sides: {role: {answer}}}, where its suite has so few that the index holds them;
 *  else null. They are there even for rows whose texts the page does not have. */
function labelsOf(store, i) {
  if (!store.suites[store.suite[i]].labels) return null;
  const sides = {};
  for (const role of store.roles) sides[role] = { answer: coded(store.sides[role].answer, i) };
  return { target: coded(store.target, i), sides };
}
