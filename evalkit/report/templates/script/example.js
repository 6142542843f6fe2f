// One example as data: what is copied, downloaded and shown raw.

/** The example as it is copied and downloaded. `texts` are those of the store, null where it has none. */
function exampleRecord(store, row, texts) {
  const suite = store.suites[store.suite[row]];
  const slices = {};
  for (const [name, column] of Object.entries(store.slices))
    if (coded(column, row) !== null) slices[name] = coded(column, row);
  const known = texts ?? { input: null, ...(labelsOf(store, row) ?? { target: null, sides: {} }) };
  const record = {
    suite: suite.name,
    id: store.id[row],
    input: known.input,
    target: known.target,
    expect: coded(store.expect, row),
    choices: known.choices ?? null,
    slices,
    group: coded(store.group, row),
    severity: coded(store.severity, row),
    flip: coded(store.flip, row),
    unstable: store.unstable?.[row] === 1,
  };
  for (const name of ["expect", "choices", "group"]) if (record[name] === null) delete record[name];
  for (const role of store.roles) {
    const side = store.sides[role];
    const status = coded(side.status, row);
    if (status === null) continue;
    const cell = (name) => side[name]?.[row] ?? null;
    const said = known.sides[role] ?? {};
    const correct = cell("correct");
    const found = {
      status,
      answer: said.answer ?? null,
      correct: correct === null ? null : correct === 1,
      unparsable: cell("unparsable") === 1,
      refused: coded(side.refused, row),
      marks: cell("marks"),
      confidence: cell("confidence"),
      target_confidence: cell("target_confidence"),
      latency_s: cell("latency"),
      tokens_out: cell("tokens"),
      text: said.text ?? null,
      reasoning: said.reasoning ?? null,
      why: said.why ?? null,
      error: said.error ?? null,
    };
    const always = ["status", "answer", "correct"];
    record[role] = Object.fromEntries(
      Object.entries(found).filter(([name, value]) => always.includes(name) || (value !== null && value !== false)),
    );
  }
  if (texts === null) record.incomplete = "the page does not have the texts of this example; pairs.parquet does";
  return record;
}
