// What each model said, and how: the texts, what differs between them marked, and the texts as they are.

// A text of more than one line, or longer than this, gets a box of its own.
const SHORT_ANSWER = 100;
let blanksShown = false;

function isShort(text) {
  return text.length <= SHORT_ANSWER && !text.includes("\n");
}

function spokenText(text) {
  return build("bdi", { dir: "auto" }, text);
}

/** How many characters were cut off a text before it came into the page; 0 for a whole one. */
function missingOf(text) {
  const end = text.length > 20000 ? /… \((\d+) more characters\)$/.exec(text) : null;
  return end ? Number(end[1]) : 0;
}

/** A longer text in its box. `parts` are text and elements; without them it is the text. */
function detailText(title, text, kind, parts = null) {
  const cut = missingOf(text);
  return build(
    "div",
    { class: `said ${kind}` },
    title ? build("h4", {}, title) : null,
    boxedText(title || "text", text, parts),
    cut ? build("p", { class: "where" }, `Cut here: pairs.parquet has ${several(cut, "more character")}.`) : null,
  );
}

function boxedText(label, text, parts = null) {
  if (text === "") return build("p", { class: "muted" }, "(empty)");
  return build("pre", { dir: "auto", tabindex: "0", role: "group", "aria-label": label }, ...(parts ?? [text]));
}

/** What a model said, whole: its text, or where there is none its answer. */
function wholeOf(side) {
  return side ? (side.text ?? side.answer) : null;
}

/** Each model's side; `view` says how the teacher's text and the student's are compared. */
function detailSides(store, row, texts, view) {
  const roles = rolesOf(store, row);
  const [teacher, student] = ["teacher", "student"].map((role) =>
    roles.includes(role) ? wholeOf(texts.sides[role]) : null,
  );
  const both = teacher !== null && student !== null;
  const edits = both && view !== "raw" ? wordDiff(teacher, student) : null;
  const words = both ? Math.max(teacher.length, student.length) > SHORT_ANSWER : false;
  const inline = view === "inline" && both && Array.isArray(edits);
  const told = { text: null };
  if (edits?.mostly && words) told.text = "The texts are mostly different, so no words are marked.";
  else if (Array.isArray(edits) && edits.length === 1 && edits[0].op === "same" && words)
    told.text = "Teacher and student wrote the same, character for character.";
  const brief = roles.every((role) => isShort(wholeOf(texts.sides[role]) ?? ""));
  const columns = roles.map((role) => detailSide(store, row, role, texts.sides[role], { view, edits, inline, brief }));
  const marked = Array.isArray(edits) && edits.length > 1;
  return [
    told.text ? build("p", { class: "note told" }, told.text) : null,
    inline ? detailText("Both texts in one", "inline", "merged", markedParts(edits, ["removed", "added"])) : null,
    inline && marked ? markLegend() : null,
    view === "raw" ? blanksSwitch() : null,
    build("div", { class: `sides of-${columns.length}${inline ? " brief" : ""}` }, columns),
    marked && !inline ? markLegend() : null,
  ].filter(Boolean);
}

function markLegend() {
  return build(
    "p",
    { class: "where legend" },
    build("del", {}, "struck out"),
    ": only the teacher wrote it. ",
    build("ins", {}, "underlined"),
    ": only the student did.",
  );
}

function detailSide(store, row, role, said, { view, edits, inline, brief }) {
  const text = wholeOf(said);
  const apart = said.answer !== null && said.text !== null && said.answer !== said.text;
  const remarks = detailRemarks(store, row, role, said);
  const parts = [];
  const sideParts = Array.isArray(edits) ? { teacher: ["removed"], student: ["added"] }[role] : null;
  if (text === null) parts.push(build("p", { class: "muted" }, "no answer"));
  else if (view === "raw") parts.push(rawText(`${role}'s text`, text));
  else {
    if (apart) parts.push(...answerParts(role, said.answer));
    const marked = sideParts ? markedParts(edits, sideParts) : null;
    if (!apart && brief && text !== "") {
      parts.push(build("p", { class: "answer", dir: "auto" }, ...(edits?.length > 1 && marked ? marked : [text])));
    } else if (!inline || role === "champion") {
      const cut = missingOf(text);
      parts.push(boxedText(`${role}'s text`, text, marked));
      if (cut)
        parts.push(build("p", { class: "where" }, `Cut here: pairs.parquet has ${several(cut, "more character")}.`));
    }
  }
  if (said.reasoning !== null && said.reasoning !== "") {
    parts.push(
      build(
        "details",
        { class: "reasoning" },
        build("summary", {}, `Reasoning, ${several(said.reasoning.length, "character")}`),
        view === "raw"
          ? rawText(`${role}'s reasoning`, said.reasoning)
          : boxedText(`${role}'s reasoning`, said.reasoning),
      ),
    );
  }
  return build("div", { class: `said side ${role}` }, sideHeading(store, row, role), ...parts, ...remarks);
}

/** Who, and how its answer was judged. */
function sideHeading(store, row, role) {
  const { mark, word, kind } = judgedWords(store, row, role);
  const judged = build("span", { class: `judged ${kind}` }, build("span", { "aria-hidden": "true" }, `${mark} `), word);
  return build("h4", {}, build("span", { class: `${role}-mark` }, role), judged);
}

/** The answer where it is not the whole text. */
function answerParts(role, answer) {
  if (answer === "") return [build("p", { class: "muted" }, "answer: (empty)")];
  if (isShort(answer)) return [build("p", { class: "answer" }, spokenText(answer))];
  return [build("h5", {}, "Answer, as it was read"), boxedText(`${role}'s answer`, answer), build("h5", {}, "Text")];
}

/** How a model's answer was judged: {mark, word, kind}. */
function judgedWords(store, row, role) {
  const side = store.sides[role];
  const refused = coded(side.refused, row);
  const right = side.correct?.[row] ?? null;
  const marks = side.marks?.[row] ?? null;
  const kind = right === 1 ? "right" : right === 0 ? "wrong" : "unjudged";
  if (refused !== null) return { mark: { right: "✓", wrong: "✗", unjudged: "·" }[kind], word: refused, kind };
  if (marks !== null) return { mark: "◐", word: `marks ${written(marks, "score")}`, kind: "unjudged" };
  return {
    right: { mark: "✓", word: "correct", kind },
    wrong: { mark: "✗", word: "wrong", kind },
    unjudged: { mark: "–", word: "not judged", kind },
  }[kind];
}

/** Status, why the answer was judged so, and the error. */
function detailRemarks(store, row, role, said) {
  const status = coded(store.sides[role].status, row);
  const tags = [status !== "ok" ? status : null, store.sides[role].unparsable?.[row] ? "unparsable" : null].filter(
    Boolean,
  );
  return [
    tags.length
      ? build(
          "p",
          {},
          tags.map((tag) => build("span", { class: "tag" }, tag)),
        )
      : null,
    said.why ? build("p", { class: "where", dir: "auto" }, `why: ${said.why}`) : null,
    said.error ? build("p", { class: "where error", dir: "auto" }, `error: ${said.error}`) : null,
  ].filter(Boolean);
}

/** Text and <del>, <ins> of the edits, without those not among `ops`. Marks that only blanks part become one. */
function markedParts(edits, ops) {
  return joinedEdits(edits)
    .filter(({ op }) => op === "same" || ops.includes(op))
    .map(({ op, text }) => {
      if (op === "same") return text;
      const said = build("span", { class: "hidden" }, `${op}: `);
      return build(op === "removed" ? "del" : "ins", {}, said, text);
    });
}

/** The same edits for the eye: a blank between two changes is changed with them; what went stands before what came. */
function joinedEdits(edits) {
  const found = [];
  let [gone, come] = ["", ""];
  const flush = () => {
    if (gone) found.push({ op: "removed", text: gone });
    if (come) found.push({ op: "added", text: come });
    [gone, come] = ["", ""];
  };
  edits.forEach(({ op, text }, at) => {
    if (op === "removed") gone += text;
    else if (op === "added") come += text;
    else if (at + 1 < edits.length && gone && come && /^[^\S\n]+$/.test(text)) {
      gone += text;
      come += text;
    } else {
      flush();
      found.push({ op, text });
    }
  });
  flush();
  return found;
}

/** How each model's answer was judged, without a word of it. */
function detailJudged(store, row) {
  const columns = rolesOf(store, row).map((role) =>
    build("div", { class: `said side ${role}` }, sideHeading(store, row, role), ...detailRemarks(store, row, role, {})),
  );
  return build("div", { class: `sides of-${columns.length}` }, columns);
}

/** Where the texts are not in the page: the target and the answers that its index has, and how they were judged. */
function detailAnswers(store, row) {
  const known = labelsOf(store, row);
  if (!known) return detailJudged(store, row);
  const rest = { text: null, reasoning: null, why: null, error: null };
  const columns = rolesOf(store, row).map((role) =>
    detailSide(
      store,
      row,
      role,
      { ...rest, answer: known.sides[role].answer },
      { view: "side", edits: null, inline: false, brief: true },
    ),
  );
  const target =
    known.target === null
      ? null
      : build("p", { class: "wanted" }, "Target: ", build("strong", {}, spokenText(known.target)));
  return build("div", {}, target, build("div", { class: `sides of-${columns.length}` }, columns));
}

function rawText(label, text) {
  return boxedText(label, text, blanksShown ? shownBlanks(text) : null);
}

/** The text with a sign in place of each blank, and one before each end of a line. */
function shownBlanks(text) {
  const signs = { " ": "·", "\t": "→\t", "\n": "⏎\n" };
  return text.split(/([ \t\n]+)/).map((part, at) =>
    // A line may break after a sign as it could at the blank.
    at % 2 ? build("span", { class: "blank" }, Array.from(part, (blank) => [signs[blank], build("wbr")]).flat()) : part,
  );
}

function blanksSwitch() {
  const click = (event) => {
    blanksShown = !blanksShown;
    event.target.setAttribute("aria-pressed", String(blanksShown));
    for (const pre of event.target.closest(".detail").querySelectorAll(".sides pre")) {
      const text = pre.dataset.text ?? pre.textContent;
      pre.dataset.text = text;
      pre.replaceChildren(...(blanksShown ? shownBlanks(text) : [text]));
    }
  };
  return build(
    "p",
    {},
    build(
      "button",
      { type: "button", class: "plain", "data-does": "blanks", "aria-pressed": String(blanksShown), click },
      "show blanks as · → ⏎",
    ),
  );
}

function detailRecord(store, row, texts) {
  const text = JSON.stringify(exampleRecord(store, row, texts), null, 2);
  return build(
    "div",
    { class: "said record" },
    build("h4", {}, "The example as JSON"),
    boxedText("The example as JSON", text),
  );
}
