/**
 * An element with attributes and children. Strings become text, null and undefined are left out, functions among the
 * attributes are listeners (`click: …`). Nothing here ever reads markup.
 */
function build(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) made.append(child);
  }
  return made;
}

/** A count as the rest of the page writes it: 1234, and 12,345 with commas from ten thousand on. */
function counted(number) {
  return number < 10000 ? String(number) : String(number).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** A number that may be none, then its word, which takes an s for all but one. */
function several(number, word) {
  return `${counted(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** Lets the browser paint and take input before what follows. */
function pause() {
  return new Promise((resolve) => setTimeout(resolve));
}
