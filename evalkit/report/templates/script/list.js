// The explorer: what the reader asked for, the rows that follow from it, and the address that says both.

/**
 * Builds the explorer into `root`. What others may use of it: `store`, `state` {q, sort, sel, view}, `shown` (rows after
 * filter and sort), `setQuery(text)`, `setSort(key)`, `setView(view)`, `select(row | null)`, `selected()`,
 * `move(step, only)`, `isHidden(row)`, `reveal(suite)`, `ready` (resolves when the rows of the newest query are on show), and
 * `onSelect`, callbacks that get the row or null.
 */
function buildExplorer(store, root) {
  const state = readFragment(location.hash) ?? { q: firstQuery(store), sort: "", sel: null, view: VIEWS[0] };
  const revealed = new Set(); // suites whose texts the reader wants to see, though they test refusal
  let asked = 0; // the newest question; answers to older ones come too late

  const explorer = {
    store,
    state,
    shown: new Uint32Array(0),
    onSelect: [],
    /** Filters; `push: false` while the reader is still typing. Resolves when the rows are on show. */
    async setQuery(text, { push = true } = {}) {
      if (text === state.q && push) return remember(true);
      state.q = text;
      remember(push);
      await (explorer.ready = answer());
    },
    /** Sorts by one of SORTS, with a minus the other way round; "" is worst first. */
    setSort(key) {
      state.sort = key;
      remember(true);
      sort();
      table.show();
    },
    /** Says how the detail shows the two texts; one of VIEWS. */
    setView(view) {
      state.view = view;
      remember(false);
    },
    /** Opens the detail of a row, or closes it. */
    select(row) {
      const before = selected();
      state.sel = row === null ? null : { suite: store.suites[store.suite[row]].name, id: store.id[row] };
      if (row !== before) remember(true);
      opened(row, before);
    },
    selected: () => selected(),
    /** Selects the next row (or, with a negative step, the one before) that `only` holds for; tells which, or null. */
    move(step, only = () => true) {
      const way = step < 0 ? -1 : 1;
      const from = explorer.shown.indexOf(selected() ?? -1);
      let place = from < 0 && way < 0 ? explorer.shown.length : from;
      for (let left = Math.abs(step); left; ) {
        place += way;
        if (place < 0 || place >= explorer.shown.length) return null;
        if (only(explorer.shown[place])) left--;
      }
      explorer.select(explorer.shown[place]);
      return explorer.shown[place];
    },
    /** Whether the texts of a row wait for a click. */
    isHidden: (row) => store.suites[store.suite[row]].sensitive && !revealed.has(store.suite[row]),
    /** Shows the texts of a suite, by its place in `store.suites`. */
    reveal(suite) {
      revealed.add(suite);
      table.repaint();
      say();
      if (selected() !== null) opened(selected(), selected());
    },
  };
  const selected = () => (state.sel ? rowOf(store, state.sel.suite, state.sel.id) : null);
  const remember = (push) => {
    const address = writeFragment(state);
    if (address === location.hash) return;
    try {
      history[push ? "pushState" : "replaceState"](null, "", address);
    } catch {
      // A frame may have no address of its own; the list works without.
    }
  };

  const filters = buildFilters(explorer);
  const table = buildTable(explorer);
  const found = build("p", { class: "found", role: "status" });
  const reveals = build("p", { class: "reveals" });
  const panel = build("aside", { id: "detail", tabindex: "-1", "aria-label": "The selected example", hidden: true });
  const bar = takeBar(explorer);
  root.replaceChildren(
    build("p", { class: "note" }, heldWords(store)),
    filters.element,
    build("div", { class: "said-of" }, found, bar),
    reveals,
    build("div", { class: "halves" }, table.element, panel),
    build("p", { class: "note" }, "Filters choose what is listed. The criteria and their intervals are of the whole suite and do not change with them."),
  );

  const sort = () => (explorer.shown = sorted(store, explorer.matched, state.sort));
  const answer = async () => {
    const mine = ++asked;
    const { terms, complaints } = parseQuery(state.q);
    const control = { stopped: () => mine !== asked, notes: [] };
    const busy = setTimeout(() => (found.textContent = "Looking through the texts …"), 150);
    const base = await matchingMask(store, terms.filter((term) => !filters.picked(term)), control);
    const mask = await matchingMask(store, terms.filter(filters.picked), control);
    clearTimeout(busy);
    if (mine !== asked) return;
    for (let i = 0; i < mask.length; i++) mask[i] &= base[i];
    explorer.matched = rowsOfMask(mask);
    sort();
    filters.update({ terms, complaints, base, notes: [...new Set([...unknownNames(store, terms), ...control.notes])] });
    table.show();
    say();
  };
  const say = () => {
    bar?.update();
    const [part, all] = [explorer.shown.length, store.n];
    found.textContent = part === all ? `All ${several(all, "example")}` : `${counted(part)} of ${several(all, "example")}`;
    const waiting = store.suites.map((suite, which) => ({ ...suite, which })).filter(({ sensitive, which }) => sensitive && !revealed.has(which));
    reveals.replaceChildren(
      ...waiting.map(({ name, which }) =>
        build("button", { type: "button", class: "plain", click: () => explorer.reveal(which) }, `show texts of ${name.slice(0, 80)}`),
      ),
      ...(waiting.length ? [build("span", { class: "muted" }, "They test refusal and may be harmful to read.")] : []),
    );
  };
  /** Shows or closes the detail. Where it covers the list it takes the focus, and gives it back. */
  const opened = (row, before) => {
    const covers = !matchMedia("(min-width: 64rem)").matches;
    panel.hidden = row === null;
    root.classList.toggle("opened", row !== null);
    document.documentElement.classList.toggle("covered", row !== null && covers);
    table.mark(row);
    if (row === null) panel.replaceChildren();
    else {
      table.reach(row);
      showDetail(panel, explorer, row);
      if (covers && before === null) panel.focus();
    }
    if (row === null && before !== null && panel.contains(document.activeElement ?? panel)) focusRow(before);
    else if (row === null && before !== null && document.activeElement === document.body) focusRow(before);
    for (const each of explorer.onSelect) each(row);
  };
  const focusRow = (row) => (table.rowElement(row)?.querySelector("a") ?? table.box).focus({ preventScroll: true });

  /** Takes what an address says; one that says nothing of the list leaves it, an empty one is the beginning. */
  const restore = async () => {
    const told = readFragment(location.hash) ?? (location.hash === "" ? { ...beginning } : null);
    if (!told) return false;
    const before = selected();
    const asksOther = told.q !== state.q;
    const sortsOther = told.sort !== state.sort;
    Object.assign(state, told);
    if (asksOther) await (explorer.ready = answer());
    else if (sortsOther) {
      sort();
      table.show();
    }
    if (selected() !== before || selected() !== null) opened(selected(), before);
    return true;
  };
  const beginning = { q: firstQuery(store), sort: "", sel: null, view: VIEWS[0] };
  const arrive = () => document.getElementById("examples")?.scrollIntoView();
  addEventListener("popstate", restore);
  document.addEventListener("click", async (event) => {
    const link = event.target.closest?.("a");
    const href = link?.getAttribute("href") ?? "";
    if (!href.startsWith("#examples?") || event.defaultPrevented) return;
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    try {
      history.pushState(null, "", href);
    } catch {
      location.hash = href;
    }
    Object.assign(state, readFragment(href), { view: state.view });
    await (explorer.ready = answer());
    opened(selected(), null);
    arrive();
    table.box.focus({ preventScroll: true });
  });

  /** The first rows; where the address names some, they are scrolled to. */
  explorer.ready = (async () => {
    await answer();
    bindKeys(explorer);
    if (selected() !== null) opened(selected(), null);
    if (readFragment(location.hash)) arrive();
  })();
  return explorer;
}

/** Rows by a key of the state, ties in the store's order, rows that have none of it last. */
function sorted(store, rows, sort) {
  if (!sort) return rows;
  const ranks = ranksBy(store, sort.replace(/^-/, ""));
  const way = sort.startsWith("-") ? -1 : 1;
  // Numbers sort several times as fast without a function that compares: sorted ranks say where each row goes, and rows
  // of one rank go in their own order.
  const known = rows.filter((i) => ranks[i] === ranks[i]);
  const unknown = rows.filter((i) => ranks[i] !== ranks[i]);
  const values = Float64Array.from(known, (i) => way * ranks[i]).sort();
  const places = new Map();
  for (let at = values.length - 1; at >= 0; at--) places.set(values[at], at);
  const found = new Uint32Array(rows.length);
  for (const i of known) {
    const value = way * ranks[i];
    const at = places.get(value);
    found[at] = i;
    places.set(value, at + 1);
  }
  found.set(unknown, known.length);
  return found;
}

/** A number for every row that sorts as the key does; NaN where it has none. */
function ranksBy(store, key) {
  return once(store, `ranks ${key}`, () => {
    if (key in NUMBERS) return numbers(store, key);
    if (key === "id") {
      const places = new Map([...new Set(store.id)].sort().map((id, place) => [id, place]));
      return Float64Array.from(store.id, (id) => places.get(id));
    }
    if (key === "suite") return ranksOf(store.suites.map((each) => each.name), store.suite);
    if (key === "severity") return Float64Array.from(store.severity.codes, (code) => SEVERITIES.indexOf(store.severity.values[code]));
    const column = key === "target" ? store.target : store.sides[key]?.answer;
    return column ? ranksOf(column.values, column.codes) : new Float64Array(store.n).fill(NaN);
  });
}

function ranksOf(values, codes) {
  const order = values.filter((value) => value !== null).sort(); // by code units, as everywhere
  const places = new Map(order.map((value, place) => [value, place]));
  return Float64Array.from(codes, (code) => places.get(values[code]) ?? NaN);
}

/** What of the run's examples the page holds, in a sentence or two. */
function heldWords(store) {
  const all = store.total ?? store.n;
  const parts = [
    store.n === all
      ? `All ${several(all, "example")} evaluated can be looked through here, worst first.`
      : `${counted(store.n)} of the ${several(all, "example")} evaluated can be looked through here, worst first: ` +
        `${store.changed === store.changed_of_all ? "all" : `${counted(store.changed)} of the`} ` +
        `${counted(store.changed_of_all)} that changed or failed${store.n > store.changed ? ", and an even share of the others" : ""}. pairs.parquet has them all.`,
  ];
  if (store.texts_held < store.n) parts.push(`Texts are here for the first ${counted(store.texts_held)}; pairs.parquet has the others.`);
  return parts.join(" ");
}
