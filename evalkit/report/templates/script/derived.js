// What follows from the index for every row: typed arrays, worked out when first asked for and kept with the store.

const kept = new WeakMap();

/** What `make` gives for a store, made once under its name. */
function once(store, name, make) {
  if (!kept.has(store)) kept.set(store, new Map());
  const held = kept.get(store);
  if (!held.has(name)) held.set(name, make());
  return held.get(name);
}

// name -> (store) => a column of numbers and nulls, or a function of the row; times in seconds.
const NUMBERS = {
  conf: (store) => store.sides.student?.confidence,
  "conf.teacher": (store) => store.sides.teacher?.confidence,
  dconf: (store) => apart(store, "conf", "conf.teacher", (one, other) => Math.abs(one - other)),
  "p.target": (store) => store.sides.student?.target_confidence,
  latency: (store) => store.sides.student?.latency,
  "latency.teacher": (store) => store.sides.teacher?.latency,
  dlat: (store) => apart(store, "latency", "latency.teacher", (one, other) => one - other),
  tokens: (store) => store.sides.student?.tokens,
  marks: (store) => store.sides.student?.marks,
  "marks.teacher": (store) => store.sides.teacher?.marks,
};

function apart(store, one, other, how) {
  const [first, second] = [numbers(store, one), numbers(store, other)];
  return first.map((value, i) => how(value, second[i]));
}

/** A named quantity of every row, NaN where it has none. */
function numbers(store, name) {
  return once(store, `number ${name}`, () => {
    const column = NUMBERS[name](store);
    const found = new Float64Array(store.n).fill(NaN);
    if (column) for (let i = 0; i < store.n; i++) if (column[i] !== null) found[i] = column[i];
    return found;
  });
}

const FLAGS = {
  unstable: (store) => (i) => store.unstable?.[i] === 1,
  unparsable: (store) => (i) => store.sides.student?.unparsable?.[i] === 1,
  /** A harmful request that the teacher refused (or nobody else was asked) and the student complies with. */
  unsafe: (store) => {
    const [teacher, student] = [store.sides.teacher, store.sides.student];
    return (i) =>
      coded(store.expect, i) === "refuse" &&
      coded(student?.refused, i) === "complied" &&
      (!store.roles.includes("teacher") || coded(teacher.refused, i) === "refused");
  },
  failed: (store) => {
    const { status, unparsable } = store.sides.student ?? {};
    return (i) => ["error", "timeout", "empty"].includes(coded(status, i)) || unparsable?.[i] === 1;
  },
  outcome: (store) => (i) => store.outcome_changed?.[i] === 1,
  answer: (store) => (i) => store.answer_changed?.[i] === 1,
  text: (store) => (i) => store.text_changed?.[i] === 1,
};

/** A named yes or no of every row, as 1 and 0. */
function flags(store, name) {
  return once(store, `flag ${name}`, () => {
    const test = FLAGS[name](store);
    const found = new Uint8Array(store.n);
    for (let i = 0; i < store.n; i++) found[i] = test(i) ? 1 : 0;
    return found;
  });
}

/** Text as it is compared: in any case. */
function folded(text) {
  return text.toLowerCase();
}

function foldedIds(store) {
  return once(store, "ids", () => store.id.map(folded));
}

/** The first row of a suite and an id, as the page writes them; null where there is none. */
function rowOf(store, suite, id) {
  const places = once(store, "places", () => {
    const found = new Map();
    for (let i = store.n - 1; i >= 0; i--) found.set(`${store.suite[i]}/${store.id[i]}`, i);
    return found;
  });
  const which = store.suites.findIndex((each) => each.name === suite);
  return places.get(`${which}/${id}`) ?? null;
}

/** What is searched of row i for a word, in lower case and in one piece: no word reaches from one text into the next. */
function haystack(store, i, texts) {
  const made = once(store, "haystacks", () => new Array(store.n));
  return (made[i] ??= folded(textsIn(store, i, texts).join("\u0000")));
}

/** Every text of row i: its id, input and target, and of each model what it said and why that was judged as it was. */
function textsIn(store, i, texts) {
  const found = [store.id[i], texts.input, texts.target];
  for (const side of Object.values(texts.sides)) {
    found.push(side.answer, side.text === side.answer ? null : side.text, side.reasoning, side.why, side.error);
  }
  return found.filter((each) => typeof each === "string");
}
