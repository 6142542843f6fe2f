// Regular expressions that always end in time. The browser's own cannot be interrupted, and a pattern such as (a+)+$
// would hang the page on one long line. Here a pattern becomes an automaton that reads each character once, so the work
// grows with the text and not beyond. What an automaton cannot do (looking around, \1) is refused in words.

const MATCHED = Symbol("matched");
const MOST_STEPS = 2000; // of a compiled pattern
const MOST_STATES = 1000; // kept at a time; more are forgotten and made again
const START = 0, WORD = 1, OTHER = 2, END = 3; // what stands before or after a place in a text

class PatternError extends Error {}
/** Thrown by a search that has run past its time. */
class TooSlow extends Error {}

/**
 * A pattern as JavaScript writes it, with flag `i` or none. `search(text, until)` tells whether it is found in a text and
 * throws TooSlow once performance.now() passes `until`. Throws PatternError, in words, where it is none.
 */
function compilePattern(source, flags = "") {
  if (flags !== "" && flags !== "i") throw new PatternError("the only flag is i");
  let mode = `u${flags}`;
  try {
    new RegExp(source, mode);
  } catch {
    mode = flags;
    try {
      new RegExp(source, mode);
    } catch (error) {
      throw new PatternError(error.message.replace(/^.*\/[a-z]*: /s, "").toLowerCase());
    }
  }
  if (source.length > MOST_STEPS) throw new PatternError("it is too large");
  const program = emitted(parsedPattern(source, mode));
  let states = new Map();

  const stateOf = (set, before) => {
    const name = `${before}:${set.join(",")}`;
    let state = states.get(name);
    if (!state) {
      if (states.size >= MOST_STATES) states = new Map();
      state = { set, before, next: new Map(), ends: null };
      states.set(name, state);
    }
    return state;
  };
  /** The places that read a character, from those of a state; null where the pattern is complete. */
  const closed = (state, after) => {
    const seen = new Uint8Array(program.length);
    const left = [...state.set];
    const reading = [];
    while (left.length) {
      const at = left.pop();
      if (seen[at]) continue;
      seen[at] = 1;
      const step = program[at];
      if (step.kind === "match") return null;
      if (step.kind === "read") reading.push(at);
      else if (step.kind === "go") left.push(...step.to);
      else if (holds(step.what, state.before, after)) left.push(at + 1);
    }
    return reading;
  };
  const stepped = (state, code) => {
    const after = wordly(code) ? WORD : OTHER;
    const reading = closed(state, after);
    if (reading === null) return MATCHED;
    const char = String.fromCodePoint(code);
    const set = reading.filter((at) => program[at].takes(char)).map((at) => at + 1);
    set.push(0);
    return stateOf(set.sort((one, other) => one - other), after);
  };
  return {
    source,
    search(text, until = Infinity) {
      let state = stateOf([0], START);
      for (let at = 0, read = 0; at < text.length; read++) {
        const code = text.codePointAt(at);
        at += code > 0xffff ? 2 : 1;
        let next = state.next.get(code);
        if (next === undefined) {
          next = stepped(state, code);
          state.next.set(code, next);
        }
        if (next === MATCHED) return true;
        state = next;
        if ((read & 511) === 511 && performance.now() > until) throw new TooSlow();
      }
      state.ends ??= closed(state, END) === null;
      return state.ends;
    },
  };
}

function wordly(code) {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95 || (code >= 97 && code <= 122);
}

function holds(what, before, after) {
  if (what === "^") return before === START;
  if (what === "$") return after === END;
  return ((before === WORD) !== (after === WORD)) === (what === "\\b");
}

/** The pattern as a tree: {all: […]} in a row, {any: […]} one of, {part, least, most} again and again, {takes}, {what}. */
function parsedPattern(source, mode) {
  let at = 0;
  const alternatives = () => {
    const any = [{ all: [] }];
    while (at < source.length && source[at] !== ")") {
      if (source[at] === "|") {
        at++;
        any.push({ all: [] });
      } else any[any.length - 1].all.push(quantified(atom()));
    }
    return any.length === 1 ? any[0] : { any };
  };
  const taken = (pattern) => {
    const [found] = pattern.exec(source.slice(at)) ?? [""];
    at += found.length;
    return found;
  };
  const atom = () => {
    if (source[at] === "(") {
      const opened = taken(/^\((\?:|\?<[^=!][^>]*>)?/);
      if (source[at] === "?") throw new PatternError("looking around and (?…) are not supported");
      const inner = alternatives();
      at += opened ? 1 : 0;
      return inner;
    }
    if (source[at] === "^" || source[at] === "$") return { what: source[at++] };
    if (/^\\[bB]/.test(source.slice(at))) return { what: taken(/^\\./) };
    if (/^\\([1-9]|k<)/.test(source.slice(at))) throw new PatternError("\\1 and \\k<…> are not supported");
    const one = taken(
      /^(\[(\\[^]|[^\]\\])*\]|\\[pP]\{[^}]*\}|\\u\{[^}]*\}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|\\c[a-zA-Z]|\\[^])/u,
    );
    return { takes: reader(one || escaped(taken(/^[^]/u)), mode) };
  };
  const quantified = (part) => {
    const said = taken(/^([*+?]|\{\d+(,\d*)?\})\??/);
    if (!said) return part;
    const bounds = /^\{(\d+)(,?)(\d*)/.exec(said);
    if (!bounds) return { part, least: said[0] === "+" ? 1 : 0, most: said[0] === "?" ? 1 : Infinity };
    const least = Number(bounds[1]);
    return { part, least, most: !bounds[2] ? least : bounds[3] ? Number(bounds[3]) : Infinity };
  };
  return alternatives();
}

function escaped(char) {
  return /^[*+?()[\]{}|/]$/.test(char) ? `\\${char}` : char;
}

/** Whether a piece of a pattern that stands for one character takes it: the browser knows, and one character is soon read. */
function reader(piece, mode) {
  const whole = new RegExp(`^(?:${piece})$`, mode);
  return (char) => whole.test(char);
}

/** The tree as a list of steps: read a character, go to one of several, hold a condition, match. */
function emitted(tree) {
  const program = [];
  const add = (step) => {
    if (program.length >= MOST_STEPS) throw new PatternError("it is too large");
    return program.push(step) - 1;
  };
  const emit = (node) => {
    if (node.takes) add({ kind: "read", takes: node.takes });
    else if (node.what) add({ kind: "hold", what: node.what });
    else if (node.all) node.all.forEach(emit);
    else if (node.any) {
      const fork = add({ kind: "go", to: [] });
      const ends = [];
      for (const each of node.any) {
        program[fork].to.push(program.length);
        emit(each);
        ends.push(add({ kind: "go", to: [] }));
      }
      for (const end of ends) program[end].to.push(program.length);
    } else {
      const most = node.most === Infinity ? node.least : node.most;
      if (most > MOST_STEPS) throw new PatternError("it is too large");
      for (let time = 0; time < node.least; time++) {
        const before = program.length;
        emit(node.part);
        if (program.length === before) break; // nothing, however often
      }
      if (node.most === Infinity) {
        const fork = add({ kind: "go", to: [] });
        program[fork].to.push(program.length);
        emit(node.part);
        add({ kind: "go", to: [fork] });
        program[fork].to.push(program.length);
      }
      const forks = [];
      for (let time = node.least; time < most; time++) {
        const fork = add({ kind: "go", to: [program.length + 1] });
        forks.push(fork);
        emit(node.part);
      }
      for (const fork of forks) program[fork].to.push(program.length);
    }
  };
  emit(tree);
  add({ kind: "match" });
  return program;
}
