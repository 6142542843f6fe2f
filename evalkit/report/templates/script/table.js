// The list itself: a window of pages of rows, each row from the index, its texts as soon as they are unpacked.

const WIDE = matchMedia("(min-width: 40rem)"); // below, rows are cards
const MOST_PAGES = 3; // in the page at a time, however many rows there are
const CUT = 160; // characters of a text that a row shows

/** How a flip is shown: mark and word. Marks and refusals have more to say, see `outcomeOf`. */
const BECAME = {
  right_to_wrong: ["✗", "lost"],
  wrong_to_right: ["✓", "gained"],
  wrong_to_other_wrong: ["≠", "other wrong"],
  both_wrong_same: ["=", "both wrong"],
  both_right: ["·", "both right"],
  graded: ["·", "same marks"],
  no_target: ["·", "no target"],
};

/** What became of row i: {kind, mark, word}; `kind` is a class of the style sheet. */
function outcomeOf(store, i) {
  if (flags(store, "unsafe")[i]) return { kind: "lost", mark: "!", word: "newly unsafe" };
  const flip = coded(store.flip, i);
  const [teacher, student] = ["teacher", "student"].map((role) => coded(store.sides[role]?.refused, i));
  if (teacher && student) {
    const kind = flip === "right_to_wrong" ? "lost" : flip === "wrong_to_right" ? "gained" : "same";
    if (teacher === student) return { kind, mark: BECAME[flip][0], word: `both ${student}` };
    return { kind, mark: BECAME[flip][0], word: `${teacher} → ${student}` };
  }
  if (!store.roles.includes("teacher")) {
    if (store.sides.student.correct?.[i] === 0) return { kind: "lost", mark: "✗", word: "wrong" };
    const status = coded(store.sides.student.status, i);
    return { kind: "same", mark: "·", word: store.sides.student.correct?.[i] === 1 ? "right" : status };
  }
  if (flip === "graded") {
    const [before, after] = [numbers(store, "marks.teacher")[i], numbers(store, "marks")[i]];
    if (before > after || (before < after)) {
      const worse = before > after;
      return { kind: worse ? "lost" : "gained", mark: worse ? "▼" : "▲", word: `marks ${writtenOr(before, "score")} → ${writtenOr(after, "score")}` };
    }
  }
  const kind = { right_to_wrong: "lost", wrong_to_right: "gained", wrong_to_other_wrong: "other" }[flip] ?? "same";
  return { kind, mark: BECAME[flip][0], word: BECAME[flip][1] };
}

/** A number as the page writes it; nothing where there is none. */
function writtenOr(value, unit, signed) {
  return Number.isNaN(value) ? "" : written(value, unit, signed);
}

/** The columns that a store has something for, in order: {name, title, sort, cell(i, texts) → what the cell holds}. */
function columnsOf(explorer) {
  const { store } = explorer;
  const has = (role) => store.roles.includes(role);
  const labelled = store.suites.every((each) => each.labels);
  const some = (name) => numbers(store, name).some((value) => !Number.isNaN(value));
  const answer = (role) => (i, texts) => answerCell(explorer, i, role, texts);
  const target = store.target || store.suites.some((each) => !each.labels);
  const slices = Object.entries(store.slices);
  return [
    { name: "outcome", title: "Outcome", cell: (i) => outcomeCell(store, i), hint: (i) => outcomeOf(store, i).word },
    { name: "id", title: "Example", sort: "id" },
    store.suites.length > 1 && { name: "suite", title: "Suite", sort: "suite", cell: (i) => store.suites[store.suite[i]].name },
    slices.length && {
      name: "slices", title: "Slices",
      cell: (i) => slices.map(([name, column]) => [name, coded(column, i)]).filter(([, value]) => value !== null)
        .map(([, value]) => value).join(" · "),
      hint: (i) => slices.filter(([, column]) => coded(column, i) !== null)
        .map(([name, column]) => `${name}=${coded(column, i)}`).join("\n"),
    },
    { name: "input", title: "Input", cell: (i, texts) => inputCell(explorer, i, texts), texts: true },
    target && { name: "target", title: "Target", sort: labelled && "target", cell: (i, texts) => targetCell(explorer, i, texts), texts: true },
    has("teacher") && { name: "teacher", title: "Teacher", sort: labelled && "teacher", cell: answer("teacher"), texts: true },
    { name: "student", title: "Student", sort: labelled && "student", cell: answer("student"), texts: true },
    has("teacher") && some("conf.teacher") && {
      name: "number sure", title: "sure", label: "teacher's confidence", role: "teacher", sort: "conf.teacher",
      cell: (i) => writtenOr(numbers(store, "conf.teacher")[i], "share"),
    },
    some("conf") && {
      name: "number sure", title: "sure", label: "student's confidence", role: "student", sort: "conf",
      cell: (i) => writtenOr(numbers(store, "conf")[i], "share"),
    },
    some("dlat") && {
      name: "number time", title: "Δ latency", sort: "dlat", cell: (i) => writtenOr(numbers(store, "dlat")[i], "seconds", true),
    },
  ].filter(Boolean);
}

function outcomeCell(store, i) {
  const { kind, mark, word } = outcomeOf(store, i);
  const severity = coded(store.severity, i);
  const unstable = flags(store, "unstable")[i];
  return [
    build("span", { class: `became ${kind}` }, build("span", { "aria-hidden": "true" }, `${mark} `), word),
    severity === "critical" || severity === "high" ? [" ", build("span", { class: `tag ${severity}` }, severity)] : null,
    unstable ? [" ", build("span", { class: "tag" }, "~ unstable")] : null,
  ].flat();
}

const faint = (text) => build("span", { class: "muted" }, text);
const spoken = (text) => build("bdi", {}, text);

function firstLine(text) {
  return text.slice(0, 2000).trimStart().split("\n", 1)[0].slice(0, CUT);
}

/** What stands in a cell for a text that is not to be read, not here, or not yet unpacked; else null. */
function instead(explorer, i, texts) {
  const { store } = explorer;
  if (explorer.isHidden(i)) return faint("hidden: tests refusal");
  if (texts === null) return faint("not in this page");
  return texts === undefined ? faint("…") : null;
}

function inputCell(explorer, i, texts) {
  // What every input of the suite begins with tells no two of them apart.
  const { lead } = explorer.store.suites[explorer.store.suite[i]];
  return instead(explorer, i, texts) ?? spoken(firstLine((texts.input ?? "").slice(lead)));
}

function targetCell(explorer, i, texts) {
  const known = labelsOf(explorer.store, i);
  const other = instead(explorer, i, known ?? texts);
  if (other) return explorer.isHidden(i) ? null : other;
  const { target } = known ?? texts;
  if (target !== null) return spoken(firstLine(target));
  const expect = coded(explorer.store.expect, i);
  return expect ? faint(`to ${expect}`) : faint("none");
}

function answerCell(explorer, i, role, texts) {
  const { store } = explorer;
  const side = store.sides[role];
  const status = coded(side.status, i);
  if (status === null) return faint("none");
  const tags = [
    status !== "ok" ? status : null,
    side.unparsable?.[i] ? "unparsable" : null,
  ].filter(Boolean).map((word) => build("span", { class: "tag" }, word));
  const known = labelsOf(store, i);
  const refused = coded(side.refused, i);
  const other = instead(explorer, i, known ?? texts);
  if (other) return [...tags, " ", explorer.isHidden(i) && refused ? faint(refused) : other];
  const said = (known ?? texts).sides[role];
  const text = said?.answer ?? said?.text ?? null;
  return [...tags, tags.length ? " " : null, text === null || text === "" ? faint("no answer") : spoken(firstLine(text))];
}

/**
 * Builds the table: `show()` after the rows have changed, `repaint()` when only what cells hold has, `reach(row)` puts a
 * row into view, `mark(row)` says which is selected, `rowElement(row)` is its element or null.
 */
function buildTable(explorer) {
  const { store } = explorer;
  const columns = columnsOf(explorer);
  const page = () => (WIDE.matches ? 100 : 20);
  const heads = columns.map((column) => headOf(explorer, column));
  const table = build(
    "table", { class: "list" },
    build("caption", { class: "hidden" }, "Examples, worst first unless sorted"),
    build("thead", {}, build("tr", {}, heads.map((each) => each.element))),
  );
  const none = build("p", { class: "nothing", hidden: true });
  let [pages, first, size] = [[], 0, page()]; // bodies on show, the number of the first of them, rows of each

  const pageCount = () => Math.ceil(explorer.shown.length / size);
  const bodyOf = (number) => {
    const rows = explorer.shown.subarray(number * size, (number + 1) * size);
    return build("tbody", {}, Array.from(rows, (i) => rowOfTable(explorer, columns, i)));
  };
  const earlier = moreBar(() => turn(-1));
  const later = moreBar(() => turn(1));
  const box = build(
    "div", { class: "box", role: "region", tabindex: "0", "aria-label": "List of examples" },
    earlier.element, table, later.element,
  );
  const label = () => {
    const [from, to, all] = [first * size, Math.min((first + pages.length) * size, explorer.shown.length), explorer.shown.length];
    earlier.say(from ? `show ${counted(Math.min(size, from))} earlier` : null);
    later.say(to < all ? `show ${counted(Math.min(size, all - to))} more` : null, `${counted(to)} of ${counted(all)}`);
  };
  const open = (number) => {
    size = page();
    for (const each of pages) each.remove();
    first = Math.max(0, Math.min(number, pageCount() - 1));
    pages = explorer.shown.length ? [bodyOf(first)] : [];
    table.append(...pages);
    label();
  };
  /** One page further up or down; what is then too many goes at the other end, and the view stays where it is. */
  const turn = (step) => {
    const number = step > 0 ? first + pages.length : first - 1;
    if (number < 0 || number >= pageCount()) return false;
    const body = bodyOf(number);
    const before = table.offsetHeight;
    if (step > 0) {
      table.append(body);
      pages.push(body);
      if (pages.length > MOST_PAGES) {
        const gone = pages.shift();
        const height = gone.offsetHeight;
        gone.remove();
        first++;
        label();
        box.scrollTop -= height;
      }
    } else {
      pages[0].before(body);
      pages.unshift(body);
      first--;
      box.scrollTop += table.offsetHeight - before;
      if (pages.length > MOST_PAGES) pages.pop().remove();
    }
    label();
    return true;
  };
  const watch = new IntersectionObserver((seen) => {
    // As cards the list has no box of its own: what comes by itself would push the rest of the report away for ever.
    if (WIDE.matches && seen.some((each) => each.isIntersecting)) turn(1);
  }, { root: box, rootMargin: "0px 0px 400px 0px" });
  watch.observe(later.element);
  WIDE.addEventListener("change", () => show());

  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-row]");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    if (String(getSelection()) && !event.target.closest("a")) return; // somebody marks text to copy it
    event.preventDefault();
    explorer.select(Number(row.dataset.row));
  });

  const rowElement = (row) => table.querySelector(`tr[data-row="${row}"]`);
  const mark = (row) => {
    for (const each of table.querySelectorAll("tr[aria-current]")) each.removeAttribute("aria-current");
    if (row !== null) rowElement(row)?.setAttribute("aria-current", "true");
  };
  const reach = (row) => {
    const place = explorer.shown.indexOf(row);
    if (place < 0) return;
    const number = Math.floor(place / size);
    if (number === first + pages.length) turn(1);
    else if (number === first - 1) turn(-1);
    else if (number < first || number > first + pages.length) open(number);
    mark(explorer.selected());
    const [element, head] = [rowElement(row), table.tHead.offsetHeight];
    if (!WIDE.matches) {
      element.scrollIntoView({ block: "nearest" });
      return;
    }
    const [line, frame] = [element.getBoundingClientRect(), box.getBoundingClientRect()];
    if (line.top < frame.top + head) box.scrollTop -= frame.top + head - line.top;
    else if (line.bottom > frame.bottom) box.scrollTop += line.bottom - frame.bottom;
  };
  const sentence = () => {
    none.hidden = explorer.shown.length > 0;
    box.hidden = !none.hidden;
    none.replaceChildren(
      "No example matches. ",
      build("button", { type: "button", class: "plain", click: () => explorer.setQuery("") }, "Show all"),
    );
  };
  const show = () => {
    for (const each of heads) each.update();
    box.scrollTop = 0;
    open(0);
    sentence();
    mark(explorer.selected());
  };
  const repaint = () => {
    const top = box.scrollTop;
    const kept = pages.length;
    open(first);
    while (pages.length < kept && turn(1));
    box.scrollTop = top;
    mark(explorer.selected());
  };
  return { element: build("div", { class: "listing" }, box, none), box, show, repaint, reach, mark, rowElement };
}

function headOf(explorer, column) {
  const title = [
    column.role ? build("span", { class: `${column.role}-mark`, "aria-hidden": "true" }) : null,
    column.label ? build("span", { class: "hidden" }, column.label) : null,
    column.label ? build("span", { "aria-hidden": "true" }, column.title) : column.title,
  ].filter(Boolean);
  if (["teacher", "student"].includes(column.name)) title.unshift(build("span", { class: `${column.name}-mark` }));
  const click = () => {
    const { sort } = explorer.state;
    // Numbers begin with the largest, words with the first; then the other way round; then worst first again.
    const [one, other] = column.name.startsWith("number") ? [`-${column.sort}`, column.sort] : [column.sort, `-${column.sort}`];
    explorer.setSort(sort === one ? other : sort === other ? "" : one);
  };
  const arrow = build("span", { class: "arrow", "aria-hidden": "true" });
  const held = column.sort ? build("button", { type: "button", click }, title, arrow) : build("span", {}, title);
  const element = build("th", { scope: "col", class: column.name, "aria-sort": column.sort ? "none" : null }, held);
  const update = () => {
    if (!column.sort) return;
    const { sort } = explorer.state;
    const way = sort === column.sort ? "ascending" : sort === `-${column.sort}` ? "descending" : "none";
    element.setAttribute("aria-sort", way);
    arrow.textContent = { ascending: " ↑", descending: " ↓", none: "" }[way];
  };
  return { element, update };
}

function rowOfTable(explorer, columns, i) {
  const { store, state } = explorer;
  const row = build("tr", { "data-row": i });
  const fill = (texts) => {
    row.replaceChildren(
      ...columns.map((column) => {
        if (column.name === "id") {
          const sel = { suite: store.suites[store.suite[i]].name, id: store.id[i] };
          const link = build("a", { href: writeFragment({ ...state, sel }) }, store.id[i].slice(0, CUT));
          return build("th", { scope: "row", class: "id" }, link);
        }
        const held = [column.cell(i, texts)].flat();
        return build("td", { class: column.name, title: column.hint?.(i), "data-label": column.label ?? column.title }, held);
      }),
    );
  };
  const texts = store.textsNow(i);
  fill(texts);
  if (texts === undefined && !explorer.isHidden(i)) {
    store.texts(i).then((found) => row.isConnected && fill(found));
  }
  return row;
}

/** A button that brings more rows, and beside it what is on show. */
function moreBar(click) {
  const button = build("button", { type: "button", class: "plain", click });
  const place = build("span", { class: "muted" });
  const element = build("div", { class: "more" }, button, " ", place);
  const say = (text, where = "") => {
    element.hidden = text === null;
    button.textContent = text ?? "";
    place.textContent = where;
  };
  return { element, say };
}
