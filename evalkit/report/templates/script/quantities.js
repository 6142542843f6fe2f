// The numbers of one example, a model to a column, and what the student's differ by.

// name, column, unit, with a bar from 0 to 1
const QUANTITIES = [
  ["marks", "marks", "score", true],
  ["confidence", "confidence", "share", true],
  ["probability of the target", "target_confidence", "share", true],
  ["time", "latency", "seconds", false],
  ["tokens", "tokens", "count", false],
];

/** The numbers of each model, and what the student's differ by; null where there are none. */
function detailNumbers(store, row) {
  const roles = rolesOf(store, row);
  const value = (role, column) => store.sides[role][column]?.[row] ?? null;
  const rows = QUANTITIES.filter(([, column]) => roles.some((role) => value(role, column) !== null));
  if (!rows.length) return null;
  const compared = roles.includes("teacher") && roles.includes("student");
  const head = (role) => build("th", { scope: "col", class: "right" }, build("span", { class: `${role}-mark` }, role));
  const cell = (role, [, column, unit, bar]) => {
    const found = value(role, column);
    if (found === null) return build("td", { class: "right muted" }, "–");
    return build(
      "td",
      { class: "right" },
      build("data", { value: found }, written(found, unit)),
      bar ? smallBar(found, role) : null,
    );
  };
  return build(
    "div",
    { class: "numbers", role: "region", "aria-label": "Numbers", tabindex: "0" },
    build(
      "table",
      {},
      build("caption", { class: "hidden" }, "Numbers of each model on this example"),
      build(
        "thead",
        {},
        build(
          "tr",
          {},
          build("td"),
          roles.map(head),
          compared ? build("th", { scope: "col", class: "right" }, "Δ student") : null,
        ),
      ),
      build(
        "tbody",
        {},
        rows.map((each) =>
          build(
            "tr",
            {},
            build("th", { scope: "row" }, each[0]),
            roles.map((role) => cell(role, each)),
            compared ? apartCell(value, each) : null,
          ),
        ),
      ),
    ),
  );
}

function apartCell(value, [, column, unit]) {
  const [before, after] = [value("teacher", column), value("student", column)];
  if (before === null || after === null) return build("td", { class: "right muted" }, "–");
  const by = after - before;
  const times = unit === "seconds" && after > 0 && before > 0 ? ` (${written(before / after, "ratio")} as fast)` : "";
  return build(
    "td",
    { class: "right" },
    build("data", { value: by }, written(by, unit === "share" ? "difference" : unit, true)),
    times ? build("span", { class: "muted" }, times) : null,
  );
}

function smallBar(value, role) {
  const SVG = "http://www.w3.org/2000/svg";
  const made = (tag, attributes) => {
    const element = document.createElementNS(SVG, tag);
    for (const [name, each] of Object.entries(attributes)) element.setAttribute(name, each);
    return element;
  };
  const bar = made("svg", {
    class: "small-bar",
    viewBox: "0 0 100 6",
    preserveAspectRatio: "none",
    "aria-hidden": "true",
  });
  bar.append(
    made("rect", { class: "whole", width: 100, height: 6 }),
    made("rect", { class: `part ${role}`, width: 100 * Math.min(1, Math.max(0, value)), height: 6 }),
  );
  return bar;
}
