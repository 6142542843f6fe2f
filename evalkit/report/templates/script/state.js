// What the reader looks at, in the page's address: #examples?q=…&sort=…&sel=suite/id&view=…
// A link restores it, and Back goes one step back. Defaults are left out, except the query: an empty one is everything.

const VIEWS = ["side", "inline", "raw"];
/** What the list can be sorted by; a minus before it turns it round, "" is the order of the store: worst first. */
const SORTS = [
  ...["id", "suite", "target", "teacher", "student", "severity"],
  ...["conf", "conf.teacher", "dconf", "p.target", "latency", "dlat", "tokens", "marks"],
];

/** The state that an address tells: {q, sort, sel: {suite, id} | null, view}; null where it tells none. */
function readFragment(hash) {
  if (!hash.startsWith("#examples?")) return null;
  const told = new Map();
  for (const part of hash.slice("#examples?".length).split("&")) {
    const at = part.indexOf("=");
    if (at > 0 && !told.has(part.slice(0, at))) told.set(part.slice(0, at), part.slice(at + 1));
  }
  const [sort, view] = ["sort", "view"].map((name) => decodePart(told.get(name) ?? ""));
  const sel = /^([^/]*)\/([^/]*)$/.exec(told.get("sel") ?? "");
  return {
    q: decodePart(told.get("q") ?? ""),
    sort: SORTS.includes(sort.replace(/^-/, "")) ? sort : "",
    sel: sel ? { suite: decodePart(sel[1]), id: decodePart(sel[2]) } : null,
    view: VIEWS.includes(view) ? view : VIEWS[0],
  };
}

/** The address of a state; `readFragment` gives it back. */
function writeFragment(state) {
  const parts = [`q=${encodePart(state.q).replace(/%3A/g, ":").replace(/%2F/g, "/")}`];
  if (state.sort) parts.push(`sort=${encodePart(state.sort)}`);
  if (state.sel) parts.push(`sel=${encodePart(state.sel.suite)}/${encodePart(state.sel.id)}`);
  if (state.view !== VIEWS[0]) parts.push(`view=${encodePart(state.view)}`);
  return `#examples?${parts.join("&")}`;
}

/** Half a character has no UTF-8: it is written %uXXXX, which nothing else can be, as % itself is %25. */
function encodePart(text) {
  const halves = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  const whole = (part) => encodeURIComponent(part).replace(/%20/g, "+").replace(/%3D/g, "=").replace(/%2C/g, ",");
  let [done, from] = ["", 0];
  for (const half of text.matchAll(halves)) {
    done += `${whole(text.slice(from, half.index))}%u${half[0].charCodeAt(0).toString(16).toUpperCase()}`;
    from = half.index + 1;
  }
  return done + whole(text.slice(from));
}

/** What was meant, also where an address was written by hand or cut: a % that is no code is a %. */
function decodePart(text) {
  return text.replace(/\+/g, " ").replace(/%u([0-9A-Fa-f]{4})|((?:%[0-9A-Fa-f]{2})+)/g, (whole, half, codes) => {
    if (half) return String.fromCharCode(parseInt(half, 16));
    try {
      return decodeURIComponent(codes);
    } catch {
      return whole;
    }
  });
}
