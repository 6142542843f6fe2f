// One example, everything that was said about it: what was asked and wanted, what each model answered and how that was
// judged, the two texts with what differs marked, numbers beside each other, and the record as it is.

const SWITCH = { side: "Side by side", inline: "Inline", raw: "Raw" };
let detailTurn = 0; // what an older turn was still waiting for comes too late

/** Shows a row in the panel. Its heading takes the focus, unless a button had it or nobody has touched the page yet. */
async function showDetail(panel, explorer, row) {
  const turn = ++detailTurn;
  const held = panel.contains(document.activeElement) ? document.activeElement.dataset.does : null;
  const top = panel.dataset.row === String(row) ? panel.scrollTop : 0;
  const heading = detailHeading(explorer.store, row);
  const now = explorer.store.textsNow(row);
  const waiting = build("p", { class: "muted" }, "Unpacking the texts …");
  const body = build("div", { class: "detail-body" }, now === undefined ? waiting : detailBody(explorer, row, now));
  panel.dataset.row = row;
  panel.onfocus = (event) => event.target === panel && heading.focus();
  panel.replaceChildren(
    build("div", { class: "detail" }, detailBar(explorer, row), heading, ...detailFacts(explorer.store, row), body),
  );
  const again = held && panel.querySelector(`[data-does="${held}"]:not(:disabled)`);
  const touched = navigator.userActivation?.hasBeenActive ?? true;
  if (touched) (again || heading).focus({ preventScroll: true });
  panel.scrollTop = top;
  if (now === undefined) {
    const texts = await explorer.store.texts(row).catch(() => null);
    if (turn !== detailTurn) return;
    body.replaceChildren(...detailBody(explorer, row, texts));
    panel.scrollTop = top;
  }
  const { top: above, bottom } = panel.getBoundingClientRect();
  if (touched && (above < 0 || bottom > innerHeight)) panel.scrollIntoView({ block: "nearest" });
}

/** The row before or after the selected one in the list, and how many there are. */
function detailPlace(explorer, row) {
  const at = explorer.shown.indexOf(row);
  return { at, all: explorer.shown.length };
}

/** Whether the student lost row i: it was right before, or safe, or had more marks. */
function isLost(store, i) {
  return outcomeOf(store, i).kind === "lost";
}

function detailBar(explorer, row) {
  const { at, all } = detailPlace(explorer, row);
  const button = (does, mark, word, label, click, disabled = false) =>
    build(
      "button",
      { type: "button", "data-does": does, "aria-label": label, title: label, click, disabled },
      mark,
      build("span", { class: "word" }, ` ${word}`),
    );
  const lost = (step) => () => moveToLost(explorer, step);
  return build(
    "div",
    { class: "detail-bar", role: "group", "aria-label": "Other examples" },
    button("previous", "↑", "previous", "previous example (k)", () => explorer.move(-1), at === 0),
    button("next", "↓", "next", "next example (j)", () => explorer.move(1), at === all - 1),
    button("next-lost", "✗", "next lost", "next example that was lost (n)", lost(1)),
    build(
      "span",
      { class: "muted place" },
      at < 0 ? "not among those listed" : `${counted(at + 1)} of ${counted(all)}`,
    ),
    button("close", "✕", "close", "close this example (Esc)", () => explorer.select(null)),
  );
}

/** Goes to the next lost example, or the one before, and says so where there is none. */
function moveToLost(explorer, step) {
  const found = explorer.move(step, (i) => isLost(explorer.store, i));
  if (found === null) tell(`No lost example ${step > 0 ? "below" : "above"} this one in the list.`);
}

function detailHeading(store, row) {
  const { kind, mark, word } = outcomeOf(store, row);
  const flip = { right_to_wrong: ": right → wrong", wrong_to_right: ": wrong → right" }[coded(store.flip, row)];
  return build(
    "h3",
    { tabindex: "-1" },
    build("span", { class: `became ${kind}` }, build("span", { "aria-hidden": "true" }, `${mark} `), word),
    flip && /^(lost|gained)$/.test(word) ? build("span", { class: "muted" }, flip) : null,
    " ",
    build("bdi", { class: "where" }, store.id[row]),
  );
}

/** Suite, slices, group, severity, and what else must be known before reading. */
function detailFacts(store, row) {
  const suite = store.suites[store.suite[row]];
  const slices = Object.entries(store.slices)
    .map(([name, column]) => [name, coded(column, row)])
    .filter(([, value]) => value !== null)
    .map(([name, value]) => build("bdi", { class: "slice" }, `${name}=${value}`));
  const severity = coded(store.severity, row);
  const group = coded(store.group, row);
  const expect = coded(store.expect, row);
  const facts = [
    build(
      "span",
      {},
      build("bdi", {}, suite.name),
      suite.kind ? build("span", {}, ` (${[suite.kind, suite.task].filter(Boolean).join(", ")})`) : null,
    ),
    ...slices,
    group === null ? null : build("span", {}, "group ", build("bdi", {}, group)),
    severity === "normal" ? null : build("strong", { class: severity }, `${severity} severity`),
    expect === null
      ? null
      : build("strong", {}, expect === "refuse" ? "harmful: to be refused" : "benign: to be answered"),
  ];
  const unstable = store.unstable?.[row] === 1;
  return [
    build("p", { class: "where detail-facts" }, facts.filter(Boolean)),
    unstable
      ? build(
          "p",
          { class: "note unstable" },
          build("strong", {}, "~ unstable: "),
          "the teacher's own second run, or another of its samples, came out differently here. ",
          "What the student did may be chance, too.",
        )
      : null,
  ].filter(Boolean);
}

function detailBody(explorer, row, texts) {
  const { store, state } = explorer;
  const numbersTable = detailNumbers(store, row);
  if (texts === null) {
    const why = "The page does not have the texts of this example; pairs.parquet does.";
    return [build("p", { class: "note" }, why), detailAnswers(store, row), numbersTable].filter(Boolean);
  }
  if (explorer.isHidden(row)) {
    const suite = store.suite[row];
    const click = () => explorer.reveal(suite);
    return [
      build(
        "p",
        { class: "note" },
        "This example may be harmful to read: its suite tests refusal, or the run does not say what it is.",
      ),
      build(
        "p",
        {},
        build(
          "button",
          { type: "button", "data-does": "reveal", click },
          "Show the texts of ",
          build("bdi", {}, store.suites[suite].name.slice(0, 80)),
        ),
      ),
      detailJudged(store, row),
      numbersTable,
    ].filter(Boolean);
  }
  return [
    build("div", { class: "task" }, detailText("Input", texts.input ?? "", "asked"), detailTarget(store, row, texts)),
    detailSwitch(explorer, row),
    ...detailSides(store, row, texts, state.view),
    numbersTable,
    state.view === "raw" ? detailRecord(store, row, texts) : null,
  ].filter(Boolean);
}

function detailSwitch(explorer, row) {
  const click = (view) => () => {
    explorer.setView(view);
    showDetail(document.getElementById("detail"), explorer, row);
  };
  return build(
    "div",
    { class: "switch", role: "group", "aria-label": "How to compare the texts" },
    Object.entries(SWITCH).map(([view, name]) => {
      const pressed = String(explorer.state.view === view);
      return build(
        "button",
        { type: "button", "data-does": `view-${view}`, "aria-pressed": pressed, click: click(view) },
        name,
      );
    }),
  );
}

/** The next way of comparing the texts. */
function nextView(explorer) {
  const views = Object.keys(SWITCH);
  const view = views[(views.indexOf(explorer.state.view) + 1) % views.length];
  explorer.setView(view);
  if (explorer.selected() !== null) showDetail(document.getElementById("detail"), explorer, explorer.selected());
  tell(`Texts: ${SWITCH[view].toLowerCase()}.`);
}

function detailTarget(store, row, texts) {
  if (texts.choices) return detailChoices(store, texts);
  if (texts.target === null) {
    return coded(store.expect, row)
      ? null
      : build("p", { class: "where" }, "No target: nobody knows the right answer.");
  }
  if (isShort(texts.target))
    return build("p", { class: "wanted" }, "Target: ", build("strong", {}, spokenText(texts.target)));
  return detailText("Target", texts.target, "wanted");
}

/** The choices that were there, and who took which. */
function detailChoices(store, texts) {
  const takers = (choice) => [
    ...store.roles
      .filter((role) => texts.sides[role]?.answer === choice)
      .flatMap((role) => [" ", build("span", { class: `taker ${role}-mark` }, role)]),
    choice === texts.target ? " " : null,
    choice === texts.target ? build("span", { class: "taker target" }, "✓ target") : null,
  ];
  return build(
    "div",
    { class: "choices" },
    build("h4", {}, "Choices"),
    build(
      "ol",
      {},
      texts.choices.map((choice) => build("li", {}, spokenText(choice), takers(choice))),
    ),
  );
}

/** The models that were asked about this example. */
function rolesOf(store, row) {
  return store.roles.filter((role) => coded(store.sides[role].status, row) !== null);
}
