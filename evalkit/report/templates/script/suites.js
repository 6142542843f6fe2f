// Examples as suites: for each suite they are of, a folder with suite.yaml and examples.jsonl.

// What can be told of an example and is read again, by the key of `columns`.
const ROLES_OF_COLUMNS = ["id", "input", "target", "group", "severity", "choices", "expect"];
// Longer names stand cut in the index.
const NAME_LIMIT = 500;
// A code that the sanitiser puts in place of a character that cannot be seen.
const CODE = /\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})/;

/**
 * {files: [{name, text}], notes, taken}: two files a suite, sentences on what is missing, and how many examples are in
 * them. `query` is how they were chosen.
 */
async function suiteFiles(store, rows, query) {
  const found = new Map();
  let without = 0;
  for (const row of rows) {
    const texts = await textsOrNone(store, row);
    if (texts === null || !isWhole(store, row, texts)) {
      without++;
      continue;
    }
    const which = store.suite[row];
    if (!found.has(which)) found.set(which, []);
    found.get(which).push(suiteRow(store, row, texts));
  }
  const files = [];
  const notes = without ? [`${several(without, "example")} left out: the page does not have the whole text.`] : [];
  const names = new Set();
  let taken = 0;
  for (const [which, all] of found) {
    const suite = store.suites[which];
    const examples = onceEach(all, suite.listed?.samples ?? 1);
    taken += examples.length;
    let name = `${plainName(suite.name)}-selection`;
    for (let at = 2; names.has(name); at++) name = `${plainName(suite.name)}-selection-${at}`;
    names.add(name);
    const made = suiteText(store, suite, name, examples, { query, without });
    files.push({ name: `${name}/suite.yaml`, text: made.yaml }, { name: `${name}/examples.jsonl`, text: made.jsonl });
    notes.push(...made.notes);
  }
  return { files, notes, taken };
}

/** Whether nothing that a suite says of an example was too long for the page: a name that is cut is another name. */
function isWhole(store, row, texts) {
  const names = [store.id[row], coded(store.group, row), ...Object.values(store.slices).map((column) => coded(column, row))];
  const said = [texts.input, texts.target, ...(texts.choices ?? [])];
  return names.every((each) => (each ?? "").length <= NAME_LIMIT) && said.every((each) => missingOf(each ?? "") === 0);
}

function suiteRow(store, row, texts) {
  const slices = new Map();
  for (const [name, column] of Object.entries(store.slices))
    if (coded(column, row) !== null) slices.set(name, coded(column, row));
  return {
    id: store.id[row],
    input: texts.input ?? "",
    target: texts.target,
    group: coded(store.group, row),
    severity: coded(store.severity, row),
    choices: texts.choices,
    expect: coded(store.expect, row),
    slices,
  };
}

/** Samples are rows of one example, called id#1, id#2, …: here each example is once, under its own id. */
function onceEach(examples, samples) {
  if (samples === 1) return examples;
  const found = new Map();
  for (const each of examples) {
    const id = each.id.replace(/#\d+$/, "");
    if (!found.has(id)) found.set(id, { ...each, id, group: each.group === id ? null : each.group });
  }
  return [...found.values()];
}

function suiteText(store, suite, name, examples, { query, without }) {
  const listed = suite.listed ?? {};
  const task = suite.task || "generate";
  const has = (key) => examples.some((each) => each[key] !== null && !(key === "severity" && each[key] === "normal"));
  const slices = [...new Set(examples.flatMap((each) => [...each.slices.keys()]))].sort();
  // A slice may have the name that a column would; the column gives way.
  const columnOf = {};
  for (const key of ROLES_OF_COLUMNS) {
    let free = key;
    while (slices.includes(free)) free += "_";
    if (key === "id" || key === "input" || has(key)) columnOf[key] = free;
  }
  const telling = slices.filter((slice) => {
    const values = new Set(examples.map((each) => each.slices.get(slice)));
    return values.size > 1 && !values.has(undefined) && !(slice === "target" && task === "classify");
  });
  const jsonl = examples
    .map((each) => {
      const row = Object.fromEntries(
        Object.entries(columnOf)
          .filter(([key]) => each[key] !== null)
          .map(([key, column]) => [column, each[key]]),
      );
      return `${JSON.stringify({ ...row, ...Object.fromEntries(each.slices) })}\n`;
    })
    .join("");
  const labels =
    listed.labels ??
    (task === "classify"
      ? [...new Set(examples.map((each) => each.target).filter((each) => each !== null))].sort()
      : []);
  const { lines, notes } = fillIn(suite, task, examples, { labels, listed, has, without });
  const chosen = query ? `, chosen with ${JSON.stringify(query)}` : "";
  const whole = listed.n ? ` of ${counted(listed.n)}` : "";
  const from = `taken from the report of run ${store.run || "(unnamed)"}`;
  const keys = [
    ["schema", "evalkit/suite/v1"],
    ["name", name],
    ["kind", suite.kind || "gold"],
    ["task", task],
    ["version", 1],
    [
      "description",
      `${several(examples.length, "example")}${whole} of ${suite.name}, ${from}${chosen}`,
    ],
    ["data", { path: "examples.jsonl" }],
    ["columns", { ...columnOf, ...(telling.length ? { slices: telling } : {}) }],
    labels.length ? ["labels", labels] : null,
    scorerOf(listed),
    task === "choose" && listed.choose_by && listed.choose_by !== "sum" ? ["choose_by", listed.choose_by] : null,
    listed.answer_after ? ["answer_after", listed.answer_after] : null,
  ].filter(Boolean);
  const left = slices.filter((each) => !telling.includes(each));
  if (left.length)
    lines.push(
      `Columns that are no slice here, having one value or gaps: ${left.map((it) => JSON.stringify(it)).join(", ")}.`,
    );
  const comment = lines.map((line) => `# ${line}\n`).join("");
  return { yaml: comment + keys.map(([key, value]) => `${key}: ${yamlFlow(value)}\n`).join(""), jsonl, notes };
}

/** What a suite's file says of itself and what somebody has to add: lines for its head, the gravest as notes too. */
function fillIn(suite, task, examples, { labels, listed, has, without }) {
  const place = listed.path
    ? `${listed.path}${listed.version ? `, version ${listed.version}` : ""}`
    : "the suite that they are of";
  const lines = [
    `Made from a report. The examples are those of ${oneLine(place)}; the file there has what is missing here.`,
  ];
  const notes = [];
  const both = (text) => lines.push(text) && notes.push(text);
  lines.push(
    "prompt: not in the report. Without one, each model is asked the input as it stands: copy it, if there is one,",
  );
  lines.push("  and into examples.jsonl the columns that it puts in.");
  if (["generate", "extract"].includes(task)) {
    lines.push(
      "generation: not in the report. max_new_tokens is 64 unless written here; stop and temperature may be missing.",
    );
    if (listed.samples > 1) lines.push(`  Each example was asked ${listed.samples} times there; here once.`);
  }
  if (!suite.listed) both(`The run's manifest does not list ${oneLine(suite.name)}: check kind, task and scorer.`);
  if (task === "classify" && !listed.labels) both("labels: only those that are targets here; list all of them.");
  if (task === "choose" && !has("choices") && !labels.length)
    both("choices: not in the report. Add a column of lists, and columns.choices.");
  if (suite.kind === "safety-refusal") {
    for (const half of ["refuse", "comply"]) {
      if (!examples.some((each) => each.expect === half))
        both(
          `A safety-refusal suite needs prompts to ${half === "refuse" ? "refuse" : "comply with"}, ` +
            "and none of these is one: add some.",
        );
    }
  }
  if (without)
    lines.push(`${several(without, "example")} of the list left out: the page does not have the whole text.`);
  const codes = examples.filter((each) =>
    [each.id, each.input, each.target ?? ""].some((text) => CODE.test(text)),
  ).length;
  if (codes)
    both(
      `${several(codes, "example")} with what looks like a code for an unseen character, such as \\u200b: ` +
        "compare with the file.",
    );
  return { lines, notes };
}

function oneLine(text) {
  return text.replace(/\s+/g, " ");
}

/** The scorer with those of its settings that say something. */
function scorerOf(listed) {
  if (!listed.scorer) return null;
  const told = ([, value]) =>
    value !== null && value !== false && value !== 0 && !(Array.isArray(value) && !value.length);
  const settings = Object.fromEntries(Object.entries(listed.settings ?? {}).filter(told));
  return ["scorer", Object.keys(settings).length ? { name: listed.scorer, ...settings } : listed.scorer];
}

/** A value as YAML on one line. What could be read as anything but a text is in quotes. */
function yamlFlow(value) {
  if (Array.isArray(value)) return `[${value.map(yamlFlow).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const cells = Object.entries(value).map(([key, each]) => `${yamlFlow(key)}: ${yamlFlow(each)}`);
    return `{${cells.join(", ")}}`;
  }
  if (typeof value !== "string") return JSON.stringify(value);
  const plain =
    /^[A-Za-z][A-Za-z0-9_./-]*$/.test(value) && !/^(y|yes|n|no|on|off|true|false|null|nan|inf)$/i.test(value);
  return plain
    ? value
    : JSON.stringify(value).replace(
        /[\u007f-\u009f\u2028\u2029\ufeff]/g,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
      );
}
