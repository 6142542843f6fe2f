// The chips, the selects and the box above the list. Each of them writes the query, and shows what the query says.

// name, mark, and the terms that the chip writes; `shown` where it would otherwise hide for having no example.
const CHIPS = [
  { name: "outcome changed", mark: "", key: "changed", value: "outcome", shown: true },
  { name: "text changed", mark: "", key: "changed", value: "text", shown: true },
  { name: "lost", mark: "✗", key: "flip", value: "lost", shown: true },
  { name: "gained", mark: "✓", key: "flip", value: "gained", shown: true },
  { name: "wrong → other wrong", mark: "≠", key: "flip", value: "other-wrong" },
  { name: "newly unsafe", mark: "!", key: "unsafe", value: "yes" },
  { name: "unstable", mark: "~", key: "unstable", value: "yes" },
  { name: "errored, empty, unparsable", mark: "∅", key: "status", value: "failed" },
];
const ALONE = [
  { name: "wrong", mark: "✗", key: "flip", value: "same-wrong", shown: true },
  { name: "errored, empty, unparsable", mark: "∅", key: "status", value: "failed" },
];
const MOST_OPTIONS = 200; // of one slice; the query takes any

/** The chips of a store that have something to show, each with `test`, which holds for its rows, and their `total`. */
function chipsOf(store) {
  const chips = store.roles.includes("teacher") ? CHIPS : ALONE;
  return chips
    .map((chip) => {
      const test = KEYS[chip.key].test(store, { ...chip, op: ":" });
      let total = 0;
      for (let i = 0; i < store.n; i++) total += test(i) ? 1 : 0;
      return { ...chip, test, total };
    })
    .filter((chip) => chip.total || (chip.shown && (chip.value === "text" || chip.key === "changed" || hasTargets(store))));
}

function hasTargets(store) {
  return store.flip.values.some((flip) => flip !== "no_target" && flip !== "graded");
}

/** What the list shows to a reader who asked for nothing yet: what changed, if anything did. */
function firstQuery(store) {
  if (!store.roles.includes("teacher")) return store.changed ? writeTerm("flip", "same-wrong") : "";
  const first = ["outcome", "answer"].find((name) => flags(store, name).includes(1));
  return first ? writeTerm("changed", first) : "";
}

function isChip(chip, term) {
  return term.key === chip.key && term.op === ":" && !term.negated && term.value.toLowerCase() === chip.value;
}

/** The query without the terms that `drop` picks; what could not be read stays. */
function withoutTerms(text, drop) {
  let [left, from] = ["", 0];
  for (const term of parseQuery(text).terms) {
    if (!drop(term)) continue;
    left += text.slice(from, term.at[0]);
    from = term.at[1];
    while (/\s/.test(text[from] ?? "")) from++;
  }
  return (left + text.slice(from)).replace(/^\s+|\s+$/g, "");
}

/** The query with a term in place of those that `drop` picks. */
function withTerm(text, term, drop) {
  return [withoutTerms(text, drop), term].filter(Boolean).join(" ");
}

/**
 * Builds everything above the list. `update({terms, complaints, base, notes})` shows a query: `base` are the rows that
 * its terms hold for, those of the chips aside, as a mask.
 */
function buildFilters(explorer) {
  const { store } = explorer;
  const chips = chipsOf(store);
  const picked = (term) => chips.some((chip) => isChip(chip, term));
  // Which chips each row is in, a bit for each: one pass counts them all.
  const bits = new Uint16Array(store.n);
  chips.forEach(({ test }, at) => {
    for (let i = 0; i < store.n; i++) if (test(i)) bits[i] |= 1 << at;
  });
  const write = (text) => explorer.setQuery(text);

  const buttons = chips.map((chip) => {
    const click = () => {
      const { q } = explorer.state;
      const on = parseQuery(q).terms.some((term) => isChip(chip, term));
      write(on ? withoutTerms(q, picked) : withTerm(q, writeTerm(chip.key, chip.value), picked));
    };
    return build("button", { type: "button", class: `chip is-${chip.value}`, "aria-pressed": "false", click });
  });
  const all = build("button", {
    type: "button", class: "chip", "aria-pressed": "false", click: () => write(withoutTerms(explorer.state.q, picked)),
  });
  const row = build("div", { class: "chips", role: "group", "aria-label": "Show" }, buttons, all);

  const selects = selectsOf(store).map(({ key, label, groups }) => {
    const change = (event) => {
      const drop = (term) => term.key === key;
      const { value } = event.target;
      write(value ? withTerm(explorer.state.q, value, drop) : withoutTerms(explorer.state.q, drop));
    };
    const other = build("option", { value: "*", hidden: true }, "as written below");
    const select = build("select", { change, "aria-label": label }, build("option", { value: "" }, `all ${label.toLowerCase()}`), other, groups);
    return { key, select };
  });

  const box = build("input", {
    id: "query", type: "search", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    placeholder: 'word "a phrase" slice:language=de conf>0.8 -flip:gained /patt?ern/i',
    "aria-describedby": "complaints",
  });
  let waiting = 0;
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => explorer.setQuery(box.value, { push: false }), 120);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    clearTimeout(waiting);
    write(box.value);
  });
  const clear = build("button", { type: "button", class: "plain", click: () => write("") }, "Clear");
  const complaints = build("ul", { id: "complaints", class: "complaints", "aria-live": "polite" });
  const element = build(
    "div", { class: "filters", role: "search", "aria-label": "Filter the examples" },
    row,
    selects.length ? build("div", { class: "picks" }, selects.map((each) => each.select)) : null,
    build("div", { class: "asking" }, build("label", { for: "query" }, "Filter"), box, clear, helpText()),
    complaints,
  );

  const counts = (button, chip, part, total, whole) => {
    const number = whole ? counted(total) : `${counted(part)} / ${counted(total)}`;
    const mark = chip.mark ? build("span", { "aria-hidden": "true" }, `${chip.mark} `) : null;
    button.replaceChildren(...[mark, `${chip.name} `, build("span", { class: "count" }, number)].filter(Boolean));
  };
  const update = ({ terms, complaints: said, base, notes }) => {
    const together = new Uint32Array(1 << chips.length);
    for (let i = 0; i < base.length; i++) if (base[i]) together[bits[i]]++;
    const rows = together.reduce((sum, count) => sum + count, 0);
    const whole = rows === store.n;
    chips.forEach((chip, at) => {
      const part = together.reduce((sum, count, which) => sum + (which & (1 << at) ? count : 0), 0);
      counts(buttons[at], chip, part, chip.total, whole);
      buttons[at].setAttribute("aria-pressed", String(terms.some((term) => isChip(chip, term))));
    });
    counts(all, { name: "all" }, rows, store.n, whole);
    all.setAttribute("aria-pressed", String(!terms.some(picked)));
    for (const { key, select } of selects) {
      const own = terms.filter((term) => term.key === key).map((term) => writeTerm(key, term.value, term.op, term.negated));
      const options = [...select.options];
      const same = (how) => options.find((each) => how(each.value) === how(own[0]));
      const option = own.length === 1 ? (same((text) => text) ?? same(folded)) : null;
      select.value = own.length === 0 ? "" : option ? option.value : "*";
    }
    if (document.activeElement !== box || waiting === 0) box.value = explorer.state.q;
    clear.hidden = explorer.state.q === "";
    const lines = [...said, ...notes];
    const before = [...complaints.children].map((each) => each.textContent);
    if (lines.join("\n") !== before.join("\n")) complaints.replaceChildren(...lines.map((line) => build("li", {}, line)));
  };
  return { element, picked, update };
}

/** What can be picked from a list: suite, slice, severity, each where there is more than one. */
function selectsOf(store) {
  const tally = (codes, size) => {
    const found = new Array(size).fill(0);
    for (const code of codes) found[code]++;
    return found;
  };
  const options = (key, names, counts) =>
    names
      .map((name, at) => [name, counts[at]])
      .filter(([name, count]) => name !== null && count)
      .slice(0, MOST_OPTIONS)
      .map(([name, count]) => build("option", { value: writeTerm(key, name) }, `${name.slice(0, 60)} (${counted(count)})`));
  const found = [];
  if (store.suites.length > 1) {
    const names = store.suites.map((each) => each.name);
    found.push({ key: "suite", label: "Suites", groups: options("suite", names, tally(store.suite, names.length)) });
  }
  const slices = Object.entries(store.slices).map(([name, { values, codes }]) => {
    const counts = tally(codes, values.length);
    const order = values.map((_, at) => at).sort((one, other) => counts[other] - counts[one] || one - other);
    const named = order.map((at) => (values[at] === null ? null : `${name}=${values[at]}`));
    return build("optgroup", { label: name.slice(0, 60) }, options("slice", named, order.map((at) => counts[at])));
  });
  if (slices.length) found.push({ key: "slice", label: "Slices", groups: slices });
  const severities = store.severity.values;
  if (severities.length > 1) {
    const counts = tally(store.severity.codes, severities.length);
    const order = [...SEVERITIES].reverse().filter((word) => severities.includes(word));
    found.push({
      key: "severity", label: "Severities",
      groups: options("severity", order, order.map((word) => counts[severities.indexOf(word)])),
    });
  }
  return found;
}

function helpText() {
  const line = (term, about) => build("div", {}, build("dt", {}, build("code", {}, term)), build("dd", {}, about));
  const ways = [
    ["word", "in any text of the example, in any case"],
    ['"a phrase"', 'the same with blanks; \\" is a quote, \\n a new line'],
    ["/patt?ern/i", "a regular expression; i: in any case"],
    ["key:value", "key:\"two words\" with blanks; id, group and answers also take key:/pattern/"],
    ["conf>0.8", "or < >= <=, and conf:0.5..0.7"],
    ["-flip:gained", "all but those"],
    ["a b", "both; the same key twice is either: flip:lost flip:gained"],
  ];
  const keys = Object.entries(KEYS).map(([key, { about, values }]) => {
    const words = values ? wordsOf(values) : [];
    return line(key, words.length ? `${about}: ${words.join(", ")}` : about);
  });
  return build(
    "details", { class: "grammar" },
    build("summary", { "aria-label": "How to filter", title: "How to filter" }, "?"),
    build("div", { class: "card" }, build("dl", {}, ways.map(([term, about]) => line(term, about))), build("dl", {}, keys)),
  );
}
