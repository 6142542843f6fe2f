// Single keys, the card that lists them, and the switch that turns them off.

const KEY_CARD = [
  [
    "Examples",
    [
      ["j", "next example"],
      ["k", "previous example"],
      ["n", "next lost example"],
      ["p", "previous lost example"],
      ["Enter or o", "open the first one, or go to the open one"],
      ["Esc", "close it; then clear the filter"],
      ["d", "side by side, inline, raw"],
      ["/", "write a filter"],
    ],
  ],
  [
    "Take along",
    [
      ["y", "copy the link to what you see"],
      ["c", "copy the listed examples as JSONL"],
    ],
  ],
  [
    "Page",
    [
      ["1 – 9", "go to a section"],
      ["t", "theme: auto, light, dark"],
      ["?", "this card"],
    ],
  ],
];
let keyed = null; // the explorer, once there is one
let keysOn = true;

/** From here on keys act on this explorer. */
function bindKeys(explorer) {
  keyed = explorer;
}

const EXAMPLE_KEYS = {
  "/": () => document.getElementById("query")?.focus(),
  j: () => keyed.move(1),
  k: () => keyed.move(-1),
  n: () => moveToLost(keyed, 1),
  p: () => moveToLost(keyed, -1),
  o: openExample,
  Enter: openExample,
  d: () => nextView(keyed),
  y: () => copyLink(),
  c: () => copyExamples(keyed),
};

/** Goes to the example that is open; opens the first of the list where none is. */
function openExample() {
  if (keyed.selected() === null) keyed.move(1);
  document.querySelector("#detail h3")?.focus();
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") return stepBack(event);
  if (!keysOn) return;
  // On a link or a button Enter is theirs.
  if (event.key === "Enter" && event.target.closest?.("a[href], button, summary, select, [role=switch]")) return;
  const act = actOf(event.key);
  if (!act) return;
  event.preventDefault();
  act();
}

function actOf(key) {
  if (key === "?") return showCard;
  if (key === "t") return nextTheme;
  if (/^[1-9]$/.test(key)) return sectionAt(Number(key));
  return keyed && Object.hasOwn(EXAMPLE_KEYS, key) ? EXAMPLE_KEYS[key] : null;
}

/** Whether what is typed goes into a field. */
function isTyping(target) {
  if (!(target instanceof Element)) return false;
  if (target.isContentEditable || target.closest("textarea, select")) return true;
  return target.matches("input") && !["button", "checkbox", "radio", "range", "reset", "submit"].includes(target.type);
}

function stepBack(event) {
  if (!keyed) return;
  if (keyed.selected() !== null) keyed.select(null);
  else if (keyed.state.q !== "") keyed.setQuery("");
  else return;
  event.preventDefault();
}

/** What goes to the section with this number, or null. */
function sectionAt(number) {
  const link = document.querySelectorAll('nav[aria-label="Sections"] a')[number - 1];
  const heading = link && document.getElementById(link.hash.slice(1));
  if (!heading) return null;
  return () => {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    heading.scrollIntoView();
  };
}

/** Opens the card. The browser keeps the focus in it, closes it on Esc and gives the focus back. */
function showCard() {
  const card = document.getElementById("keys") ?? document.body.appendChild(keyCard());
  card.showModal();
}

function keyCard() {
  const close = () => card.close();
  const groups = KEY_CARD.filter(([title]) => keyed || title === "Page").map(([title, keys]) => [
    build("h3", {}, title),
    build(
      "dl",
      {},
      keys.map(([key, does]) =>
        build(
          "div",
          {},
          build(
            "dt",
            {},
            key.split(" ").map((part) => (/^(or|–)$/.test(part) ? ` ${part} ` : build("kbd", {}, part))),
          ),
          build("dd", {}, does),
        ),
      ),
    ),
  ]);
  const flip = build(
    "button",
    { type: "button", role: "switch", id: "keys-on", "aria-checked": String(keysOn), click: () => setKeys(!keysOn) },
    "Single keys",
  );
  const card = build(
    "dialog",
    { id: "keys", class: "no-print", "aria-labelledby": "keys-title" },
    build("h2", { id: "keys-title" }, "Keys"),
    build(
      "div",
      { class: "key-groups" },
      groups.map((group) => build("div", {}, group)),
    ),
    build(
      "p",
      { class: "key-foot" },
      flip,
      build(
        "span",
        { class: "muted" },
        "They do nothing while you type, nor with Ctrl, Alt or ⌘. The switch is remembered where that is allowed.",
      ),
    ),
    build(
      "p",
      {},
      build("button", { type: "button", class: "plain", "data-does": "close-card", click: close }, "Close"),
    ),
  );
  card.addEventListener("click", (event) => event.target === card && close());
  return card;
}

/** Turns the single keys on or off; Esc works always. */
function setKeys(on) {
  keysOn = on;
  remember("keys", on ? null : "off");
  document.getElementById("keys-on")?.setAttribute("aria-checked", String(on));
}

keysOn = remembered("keys") !== "off";
document.addEventListener("keydown", pressed);
document.addEventListener("DOMContentLoaded", () => {
  pageTools().append(
    build(
      "button",
      {
        type: "button",
        id: "show-keys",
        "aria-label": "Keys",
        "aria-haspopup": "dialog",
        title: "Keys (?)",
        click: showCard,
      },
      "?",
    ),
  );
});
