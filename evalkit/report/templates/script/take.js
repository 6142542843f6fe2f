// Taking examples along: as JSON lines, as a suite that evalkit reads, or as a link.

/** Says what happened, where it can be seen and heard. */
function tell(text) {
  const line =
    document.getElementById("told") ??
    document.body.appendChild(build("p", { id: "told", class: "no-print", role: "status" }));
  clearTimeout(tell.fading);
  line.replaceChildren(text);
  line.classList.add("on");
  tell.fading = setTimeout(() => line.classList.remove("on"), 8000);
}

/** The buttons above the list, which take what it shows. `update()` of the element after the rows have changed. */
function takeBar(explorer) {
  const button = (does, click) =>
    build("button", { type: "button", class: "plain", "data-does": does, click: () => click(explorer) });
  const buttons = {
    copy: button("copy", copyExamples),
    jsonl: button("jsonl", downloadExamples),
    suite: button("suite", downloadSuites),
    link: button("link", copyLink),
    command: button("command", copyCommand),
  };
  const bar = build(
    "div",
    { class: "take", role: "group", "aria-label": "Take these examples along" },
    Object.values(buttons),
  );
  bar.update = () => {
    const n = explorer.shown.length;
    buttons.copy.textContent = `Copy ${several(n, "example")} as JSONL`;
    buttons.jsonl.textContent = "Download .jsonl";
    buttons.suite.textContent = "Download as suite";
    buttons.link.textContent = "Copy link";
    buttons.command.textContent = "Copy command";
    for (const each of ["copy", "jsonl", "suite"]) buttons[each].disabled = n === 0;
  };
  bar.update();
  return bar;
}

/** The rows as JSON lines, and how many of them are not complete. */
async function jsonLines(store, rows) {
  const lines = [];
  let incomplete = 0;
  for (const row of rows) {
    const texts = await textsOrNone(store, row);
    if (texts === null || isCut(texts)) incomplete++;
    lines.push(JSON.stringify(exampleRecord(store, row, texts)));
  }
  return { text: lines.map((line) => `${line}\n`).join(""), incomplete };
}

async function textsOrNone(store, row) {
  const now = store.textsNow(row);
  return now === undefined ? store.texts(row).catch(() => null) : now;
}

/** Whether anything of an example was too long for the page. */
function isCut(texts) {
  const all = Object.values(texts.sides).flatMap((side) => [side.answer, side.text, side.reasoning]);
  return [texts.input, texts.target, ...all].some((each) => typeof each === "string" && missingOf(each) > 0);
}

function incompleteWords(incomplete) {
  if (!incomplete) return "";
  const are = `${several(incomplete, "example")} of them ${incomplete === 1 ? "is" : "are"}`;
  return ` ${are} not complete: the page does not have all of the texts; pairs.parquet has.`;
}

/** Copies what the list shows. */
async function copyExamples(explorer) {
  const rows = Array.from(explorer.shown);
  if (!rows.length) return tell("The list is empty: there is nothing to copy.");
  const { text, incomplete } = await jsonLines(explorer.store, rows);
  await copyText(text, `${several(rows.length, "example")} as JSON lines.${incompleteWords(incomplete)}`);
}

async function downloadExamples(explorer) {
  const rows = Array.from(explorer.shown);
  const { text, incomplete } = await jsonLines(explorer.store, rows);
  download(`${runName(explorer.store)}-examples.jsonl`, new Blob([text], { type: "application/jsonl" }));
  tell(`Downloaded ${several(rows.length, "example")} as JSON lines.${incompleteWords(incomplete)}`);
}

async function downloadSuites(explorer) {
  const { files, notes, taken } = await suiteFiles(explorer.store, Array.from(explorer.shown), explorer.state.q);
  if (!files.length) return tell(`No suite was made. ${notes.join(" ")}`);
  const folders = files.length / 2;
  download(`${runName(explorer.store)}-${folders === 1 ? "suite" : "suites"}.zip`, zipOf(files));
  const what = folders === 1 ? `the suite ${files[0].name.split("/")[0]}` : several(folders, "suite");
  const done = `Downloaded ${several(taken, "example")} as ${what}. Unpack it and run: evalkit suite lint.`;
  tell([done, ...notes].join(" "));
}

function copyLink() {
  return copyText(location.href, "the link to what you see.");
}

function copyCommand(explorer) {
  const run = runFolder(explorer.store);
  return copyText(
    `evalkit show ${run.known ? shellWord(run.path) : run.path}`,
    run.known ? "the command." : `the command; put the run's folder in place of ${run.path}.`,
  );
}

/** Copies a text and says that it copied `what`; where the browser keeps the clipboard to itself, says that. */
async function copyText(text, what) {
  let copied = false;
  try {
    await navigator.clipboard.writeText(text);
    copied = true;
  } catch {
    copied = copyBySelection(text);
  }
  tell(
    copied
      ? `Copied ${what}`
      : "The browser lets nothing be copied from this page. Download it, or select and copy it.",
  );
}

/** The way that works without permission: a field that is selected and copied. */
function copyBySelection(text) {
  const before = document.activeElement;
  const field = build("textarea", { class: "hidden", readonly: true, "aria-hidden": "true", tabindex: "-1" });
  field.value = text;
  document.body.append(field);
  field.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  field.remove();
  before?.focus?.({ preventScroll: true });
  return copied;
}

function download(name, blob) {
  const link = build("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** The run's id as part of a file's name. */
function runName(store) {
  return plainName(store.run || "run");
}

function plainName(text) {
  return (
    text
      .replace(/[^A-Za-z0-9._-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+|-+$/g, "")
      .slice(0, 80) || "examples"
  );
}

/** The run's folder, if this page still lies in it; else a word to put it in place of. */
function runFolder(store) {
  const path = location.protocol === "file:" ? decodeURIComponent(location.pathname) : "";
  if (!path.endsWith("/report.html")) return { path: "RUN", known: false };
  return { path: path.replace(/\/report\.html$/, "").replace(/^\/([A-Za-z]:)/, "$1") || "/", known: true };
}

function shellWord(text) {
  return /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
