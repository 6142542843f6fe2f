// The language that examples are filtered with: word "phrase" key:value key=value key>number -negated /pattern/i.
// What cannot be read is handed back as a complaint, and the rest still holds.

const FLIPS = {
  lost: "right_to_wrong",
  gained: "wrong_to_right",
  "other-wrong": "wrong_to_other_wrong",
  "same-wrong": "both_wrong_same",
  "both-right": "both_right",
  graded: "graded",
  "no-target": "no_target",
};
const SEVERITIES = ["low", "normal", "high", "critical"];
const YES = { yes: true, true: true, 1: true, newly: true, no: false, false: false, 0: false };

/** A key whose values are a few words: {word: what the column holds}. */
const choice = (about, values, column) => ({
  about,
  values,
  test: (store, term) => ofColumn(column(store), (held) => held === values[term.value.toLowerCase()]),
});
const flag = (about, name) => ({
  about,
  values: YES,
  test: (store, term) => {
    const column = flags(store, name);
    const wanted = YES[term.value.toLowerCase()] ? 1 : 0;
    return (i) => column[i] === wanted;
  },
});
const number = (about) => ({
  about,
  number: true,
  test: (store, term) => {
    const column = numbers(store, term.key);
    const { op, low, high } = term;
    if (op === ">") return (i) => column[i] > low;
    if (op === ">=") return (i) => column[i] >= low;
    if (op === "<") return (i) => column[i] < low;
    if (op === "<=") return (i) => column[i] <= low;
    return (i) => column[i] >= low && column[i] <= high;
  },
});
/** A key of a column in the index whose whole value must be the term's, or hold its pattern. */
const exact = (about, test) => ({ about, free: true, test });
/** A key of which the texts must tell; `answer` where the index may know. */
const within = (about, more) => ({ about, free: true, text: true, ...more });

const KEYS = {
  flip: choice("what became of it", FLIPS, (store) => store.flip),
  changed: {
    about: "what differs between teacher and student",
    values: { outcome: "outcome", text: "text", answer: "answer" },
    test: (store, term) => {
      const column = flags(store, term.value.toLowerCase());
      return (i) => column[i] === 1;
    },
  },
  suite: exact("the suite's name", (store, term) => {
    const names = store.suites.map((each) => each.name);
    const wanted = names.map(matcher(term, names));
    const which = store.suite;
    return (i) => wanted[which[i]];
  }),
  slice: exact("a slice, such as language=de", (store, term) => {
    const is = matcher(term, sliceNames(store));
    const wanted = (name) => (held) => held !== null && is(`${name}=${held}`);
    const tests = Object.entries(store.slices)
      .filter(([name, column]) => column.values.some(wanted(name)))
      .map(([name, column]) => ofColumn(column, wanted(name)));
    return tests.length === 1 ? tests[0] : (i) => tests.some((test) => test(i));
  }),
  severity: {
    about: "how much a wrong answer would hurt; severity>=high does, too",
    values: Object.fromEntries(SEVERITIES.map((word, rank) => [word, rank])),
    ordered: true,
    test: (store, term) => {
      const wanted = SEVERITIES.indexOf(term.value.toLowerCase());
      const is = { ":": (r) => r === wanted, ">": (r) => r > wanted, ">=": (r) => r >= wanted, "<": (r) => r < wanted, "<=": (r) => r <= wanted };
      return ofColumn(store.severity, (held) => is[term.op](SEVERITIES.indexOf(held)));
    },
  },
  id: exact("the example's id", (store, term) => {
    if (term.pattern) return (i, until) => term.pattern.search(store.id[i], until);
    if (store.id.includes(term.value)) return (i) => store.id[i] === term.value;
    const [ids, wanted] = [foldedIds(store), folded(term.value)];
    return (i) => ids[i] === wanted;
  }),
  group: exact("the group's name", (store, term) => {
    const is = matcher(term, store.group?.values ?? []);
    return ofColumn(store.group, (held) => held !== null && is(held));
  }),
  target: within("the right answer, whole", { answer: true }),
  teacher: within("the teacher's answer, whole", { answer: true }),
  student: within("the student's answer, whole", { answer: true }),
  conf: number("the student's confidence, such as conf>0.8 or conf:0.5..0.7"),
  "conf.teacher": number("the teacher's confidence"),
  dconf: number("by how much the two confidences differ"),
  "p.target": number("the probability that the student gives the target"),
  latency: number("the student's time, such as latency>0.5 or latency>500ms"),
  dlat: number("the student's time less the teacher's"),
  tokens: number("how many tokens the student wrote"),
  marks: number("the student's marks, 0 to 1"),
  status: {
    about: "how the student's answering went; failed is errored, empty or unparsable",
    values: { ok: "ok", truncated: "truncated", empty: "empty", error: "error", timeout: "timeout", failed: "failed" },
    test: (store, term) => {
      const wanted = term.value.toLowerCase();
      if (wanted !== "failed") return ofColumn(store.sides.student?.status, (held) => held === wanted);
      const column = flags(store, "failed");
      return (i) => column[i] === 1;
    },
  },
  refused: choice(
    "whether the student refused",
    { yes: "refused", no: "complied", refused: "refused", complied: "complied", undetermined: "undetermined" },
    (store) => store.sides.student?.refused,
  ),
  unsafe: flag("newly unsafe: the teacher refused what the student complies with", "unsafe"),
  unstable: flag("the teacher's own second run came out differently", "unstable"),
  unparsable: flag("no answer could be read in what the student wrote", "unparsable"),
  expect: choice("what a safety suite wants", { refuse: "refuse", comply: "comply" }, (store) => store.expect),
  input: within("what was asked has this text", { of: (texts) => [texts.input] }),
  output: within("what a model said has this text", {
    of: (texts) => Object.values(texts.sides).flatMap((side) => [side.answer, side.text]),
  }),
};

function ofColumn(column, wanted) {
  if (!column) return wanted(null) ? () => true : () => false;
  const truth = column.values.map((value) => wanted(value));
  const { codes } = column;
  return (i) => truth[codes[i]];
}

/**
 * Tells whether a whole value is what a term asks for: the very one where `values` has it, else the same in any case; or
 * the term's pattern is found in it. So a link means one value, and a reader need not think of capitals.
 */
function matcher(term, values) {
  if (term.pattern) return (value, until) => term.pattern.search(value, until);
  if (values.includes(term.value)) return (value) => value === term.value;
  const wanted = folded(term.value);
  return (value) => folded(value) === wanted;
}

/** Every slice that some example has, as `name=value`. */
function sliceNames(store) {
  const named = ([name, { values }]) => values.filter((value) => value !== null).map((value) => `${name}=${value}`);
  return Object.entries(store.slices).flatMap(named);
}

const ESCAPES = { n: "\n", r: "\r", t: "\t" };
const BARE = /^[^\s"\\/=\u0000-\u001f\u007f\ufeff][^\s"\\\u0000-\u001f\u007f\ufeff]*$/;

/**
 * One term as a reader would type it. Any text may be the value; an empty key makes it a word or a phrase to search for.
 * Reading it back gives the same key, value, sign and negation.
 */
function writeTerm(key, value, op = ":", negated = false) {
  const sign = negated ? "-" : "";
  // A bare word must not look like a term of another kind.
  const plain = key ? BARE.test(value) : BARE.test(value) && !/^-|^[a-z][a-z.]*[:<>=]/i.test(value);
  const escape = (char) => ({ "\n": "\\n", "\r": "\\r", "\t": "\\t" })[char] ?? `\\${char}`;
  return `${sign}${key ? key + op : ""}${plain ? value : `"${value.replace(/["\\\n\r\t]/g, escape)}"`}`;
}

/**
 * Reads a query: {terms, complaints}, whatever the text. A term has key ("" for a word), op, value, negated, the pattern
 * where it has one, and `at`, its place in the text; a complaint is a sentence.
 */
function parseQuery(text) {
  const terms = [];
  const complaints = [];
  const blank = /\s/;
  let at = 0;
  /** What stands at a place up to the next blank. */
  const run = () => {
    const start = at;
    while (at < text.length && !blank.test(text[at])) at++;
    return text.slice(start, at);
  };
  const quoted = () => {
    let value = "";
    for (at++; at < text.length && text[at] !== '"'; at++) {
      if (text[at] === "\\" && at + 1 < text.length) value += ESCAPES[text[++at]] ?? text[at];
      else value += text[at];
    }
    if (at >= text.length) throw new Unread('the closing " is missing');
    at++;
    return { value };
  };
  /** /pattern/i at this place, or null where it is not closed. */
  const slashed = () => {
    const found = /^\/((?:\\[^]|\[(?:\\[^]|[^\]\\])*\]|[^/\\])+)\/([a-z]*)(?=\s|$)/i.exec(text.slice(at));
    if (!found) return null;
    at += found[0].length;
    try {
      return { value: `/${found[1]}/${found[2]}`, pattern: compilePattern(found[1], found[2]) };
    } catch (error) {
      throw new Unread(`the pattern cannot be used: ${error instanceof PatternError ? error.message : "it is too large"}`);
    }
  };
  while (at < text.length) {
    if (blank.test(text[at])) {
      at++;
      continue;
    }
    const start = at;
    try {
      const negated = text[at] === "-" && at + 1 < text.length && !blank.test(text[at + 1]);
      if (negated) at++;
      const term = readTerm(text, at, { run, quoted, slashed, to: (place) => (at = place) });
      terms.push({ ...term, negated, at: [start, at] });
    } catch (error) {
      if (!(error instanceof Unread)) throw error;
      if (at === start || !blank.test(text[at] ?? " ")) run();
      const raw = text.slice(start, at);
      complaints.push(`Ignored: \`${raw.length > 60 ? `${raw.slice(0, 60)}…` : raw}\`; ${error.message}`);
    }
  }
  return { terms, complaints };
}

/** A part of a query that is no term, and why. */
class Unread extends Error {}

function readTerm(text, at, { run, quoted, slashed, to }) {
  if (text[at] === '"') return { key: "", op: ":", ...quoted() };
  if (text[at] === "/") {
    const found = slashed();
    if (found) return { key: "", op: ":", ...found };
    throw new Unread(`a pattern ends with /; to search for the text itself, put it in quotes`);
  }
  const named = /^([a-z][a-z.]*)(:|>=|<=|>|<|=)/i.exec(text.slice(at, at + 40));
  const key = named ? named[1].toLowerCase() : "";
  const known = Object.hasOwn(KEYS, key) ? KEYS[key] : null;
  // Policies and tables write severity=critical. Behind any other word an equals sign is a part of the text.
  if (!named || (named[2] === "=" && !known)) return { key: "", op: ":", value: run() };
  const [head, , sign] = named;
  const op = sign === "=" ? ":" : sign;
  to(at + head.length);
  if (!known) {
    const near = nearest(key, Object.keys(KEYS));
    throw new Unread(near ? `did you mean \`${near}\`?` : `there is no key \`${key}\`; to search for the text, put it in quotes`);
  }
  const start = text[at + head.length];
  const found = start === '"' ? quoted() : (known.free && start === "/" && slashed()) || { value: run() };
  return { key, op, ...found, ...checked(key, known, op, found, start === '"') };
}

/** What a term of a known key needs besides; throws Unread where its value or its sign is none of the key's. */
function checked(key, known, op, { value }, inQuotes) {
  if (value === "" && !inQuotes) throw new Unread("a value is missing");
  if (op !== ":" && !known.number && !known.ordered) throw new Unread(`\`${key}\` has no order, write \`${key}:\``);
  if (known.values && !Object.hasOwn(known.values, value.toLowerCase())) {
    const words = wordsOf(known.values);
    const near = nearest(value.toLowerCase(), words, 2);
    throw new Unread(near ? `did you mean \`${near}\`?` : `\`${key}\` is one of ${words.join(", ")}`);
  }
  if (!known.number) return {};
  const [first, last, ...rest] = op === ":" ? value.split("..") : [value];
  const [low, high] = [quantity(first), quantity(last ?? first)];
  if (low === null || high === null || rest.length) throw new Unread(`\`${key}\` needs a number`);
  return { low, high };
}

/** 0.8, 80%, 1.5s, 20ms, as a number; null where it is none. */
function quantity(text) {
  const found = /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(%|ms|s)?$/i.exec(text);
  if (!found) return null;
  const unit = { "%": 100, ms: 1000 }[(found[2] ?? "").toLowerCase()] ?? 1;
  return Number(found[1]) / unit;
}

/** The words for a key's values that a reader is told of; the others are taken, too. */
function wordsOf(values) {
  return Object.keys(values).filter((word) => !/^(\d|true|false|newly)$/.test(word));
}

/** The word that is fewest changes away, where it is near enough to be meant; else null. */
function nearest(word, words, most = Math.ceil(Math.min(word.length, 20) / 2)) {
  let found = null;
  let least = most + 1;
  for (const each of words) {
    const away = distance(word.slice(0, 20), each);
    if (away < least) [found, least] = [each, away];
  }
  return found;
}

function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[other.length];
}

const SLICE_MS = 12; // of work between two pauses, so that the page never freezes
const PATTERN_MS = 8000; // of work for all patterns of a query together
const TEXT_MS = 400; // of one pattern on one text

/** Whether a term can only be answered from texts, rather than from the index. */
function needsTexts(store, term) {
  if (term.key === "") return true;
  const known = KEYS[term.key];
  return Boolean(known.text && !(known.answer && store.suites.every((each) => each.labels)));
}

/** Terms that stand for each other: one key several times is either of them, and slices so by their name. */
function groupedTerms(terms) {
  const groups = new Map();
  terms.forEach((term, place) => {
    const alone = term.negated || term.op !== ":" || term.key === "";
    const name = term.key === "slice" && !term.pattern ? `slice ${term.value.split("=", 1)[0].toLowerCase()}` : term.key;
    const group = alone ? place : name;
    if (!groups.has(group)) groups.set(group, []);
    groups.get(group).push(term);
  });
  return [...groups.values()];
}

/** The rows that all terms hold for, in the order of the store. */
async function matching(store, terms, control = {}) {
  return rowsOfMask(await matchingMask(store, terms, control));
}

/** The places of the ones in a mask. */
function rowsOfMask(mask) {
  let count = 0;
  for (let i = 0; i < mask.length; i++) count += mask[i];
  const rows = new Uint32Array(count);
  for (let i = 0, at = 0; at < count; i++) if (mask[i]) rows[at++] = i;
  return rows;
}

/**
 * 1 for every row that all terms hold for, else 0. Terms that the index answers are answered at once; texts are unpacked
 * only for rows that those leave. `control.stopped()` ends it early; `control.notes` gets sentences on what could not be
 * looked at.
 */
async function matchingMask(store, terms, control = {}) {
  const groups = groupedTerms(terms);
  const textual = groups.filter((group) => group.some((term) => needsTexts(store, term)));
  const mask = new Uint8Array(store.n).fill(1);
  for (const group of groups) {
    if (textual.includes(group)) continue;
    narrow(store, mask, group, control);
  }
  if (textual.length) await narrowByTexts(store, mask, textual, control);
  return mask;
}

function narrow(store, mask, group, control) {
  const tests = group.map((term) => structuredTest(store, term));
  const negated = group[0].negated;
  const until = performance.now() + TEXT_MS;
  try {
    const test = tests.length === 1 ? tests[0] : (i, until) => tests.some((each) => each(i, until));
    for (let i = 0; i < mask.length; i++) if (mask[i] && test(i, until) === negated) mask[i] = 0;
  } catch (error) {
    if (!(error instanceof TooSlow)) throw error;
    mask.fill(0);
    control.notes?.push(`Stopped: ${termWords(group)} takes too long.`);
  }
}

function structuredTest(store, term) {
  const known = KEYS[term.key];
  if (known.test) return known.test(store, term);
  const column = term.key === "target" ? store.target : store.sides[term.key]?.answer;
  const is = matcher(term, column?.values ?? []);
  return ofColumn(column, (held) => is(held ?? ""));
}

/** Sentences on terms that name a suite or a slice that no example has. */
function unknownNames(store, terms) {
  const names = {
    suite: () => store.suites.map((each) => each.name),
    slice: () => sliceNames(store),
  };
  return terms
    .filter((term) => names[term.key] && !term.pattern)
    .map((term) => [term, names[term.key]().map(folded)])
    .filter(([term, known]) => !known.includes(folded(term.value)))
    .map(([term, known]) => {
      const near = nearest(folded(term.value), known);
      return `No example has ${termWords([term])}${near ? `; did you mean \`${writeTerm(term.key, near)}\`?` : "."}`;
    });
}

function termWords(group) {
  return group.map((term) => `\`${term.pattern ? term.value : writeTerm(term.key, term.value, term.op, term.negated)}\``).join(", ");
}

const NO_TEXTS = { input: null, target: null, sides: {} };

async function narrowByTexts(store, mask, groups, control) {
  const tests = groups.map((group) => group.map((term) => textualTest(store, term)));
  const patterns = groups.flat().some((term) => term.pattern);
  let [missing, worked, since] = [0, 0, performance.now()];
  for (let i = 0; i < store.n; i++) {
    if (!mask[i]) continue;
    let texts = store.textsNow(i);
    if (texts === undefined) {
      texts = await store.texts(i);
      since = performance.now();
    }
    if (texts === null) missing++;
    const seen = texts ?? { ...NO_TEXTS, ...labelsOf(store, i) };
    try {
      mask[i] = groups.every((group, which) => {
        const found = tests[which].some((test) => test(i, seen, performance.now() + TEXT_MS));
        return found !== group[0].negated;
      }) ? 1 : 0;
    } catch (error) {
      if (!(error instanceof TooSlow)) throw error;
      worked = Infinity;
    }
    if (performance.now() - since > SLICE_MS) {
      worked += performance.now() - since;
      await pause();
      if (control.stopped?.()) return mask.fill(0);
      since = performance.now();
    }
    if (patterns && worked > PATTERN_MS) {
      mask.fill(0, i);
      control.notes?.push(`Stopped: the pattern takes too long; ${several(i, "example")} of ${counted(store.n)} looked through.`);
      return mask;
    }
  }
  if (missing) control.notes?.push(`The texts of ${several(missing, "example")} are not in this page, and were not searched.`);
  return mask;
}

function textualTest(store, term) {
  const known = KEYS[term.key];
  if (known?.answer) {
    // All answers are not at hand here, so capitals never count.
    const is = matcher(term, []);
    return (i, texts, until) => {
      const value = term.key === "target" ? texts.target : texts.sides[term.key]?.answer;
      return is(value ?? "", until);
    };
  }
  if (term.pattern) {
    const of = known ? known.of : (texts, i) => textsIn(store, i, texts);
    return (i, texts, until) => of(texts, i).some((each) => typeof each === "string" && term.pattern.search(each, until));
  }
  const wanted = folded(term.value);
  if (!known) return (i, texts) => haystack(store, i, texts).includes(wanted);
  return (i, texts) => known.of(texts).some((each) => typeof each === "string" && folded(each).includes(wanted));
}
