// Light, dark or as the system has it. This runs before the page is painted; the button comes when there is a header.

const THEMES = { auto: "◐", light: "○", dark: "●" };
let theme = "auto";

/** What an earlier visit kept under a name, or null; browsers that keep nothing for a file are asked in vain. */
function remembered(name) {
  try {
    return localStorage.getItem(`evalkit.${name}`);
  } catch {
    return null;
  }
}

/** Keeps a text for the next visit, where the browser lets it; null forgets it. */
function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(`evalkit.${name}`);
    else localStorage.setItem(`evalkit.${name}`, value);
  } catch {
    // It holds for this visit.
  }
}

/** Shows the page in "auto", "light" or "dark". */
function setTheme(name) {
  theme = Object.hasOwn(THEMES, name) ? name : "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  const button = document.getElementById("theme");
  if (button) button.replaceChildren(build("span", { "aria-hidden": "true" }, THEMES[theme]), ` Theme: ${theme}`);
}

/** The next theme, remembered. */
function nextTheme() {
  const names = Object.keys(THEMES);
  setTheme(names[(names.indexOf(theme) + 1) % names.length]);
  remember("theme", theme === "auto" ? null : theme);
}

/** The page's own buttons, in its header: only where scripts run. */
function pageTools() {
  const tools = build("div", { class: "page-tools no-print", role: "group", "aria-label": "This page" });
  tools.append(build("button", { type: "button", id: "theme", click: nextTheme }));
  document.querySelector("header")?.append(tools);
  setTheme(theme);
  return tools;
}

setTheme(remembered("theme"));
