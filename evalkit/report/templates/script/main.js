// Starts the page. The list of all examples takes the place of the first few that the page was written with.

async function start() {
  const root = document.getElementById("explorer");
  try {
    const store = await openExamples(document);
    if (!store || !root) return null;
    const explorer = buildExplorer(store, root);
    await explorer.ready;
    document.documentElement.classList.add("exploring");
    return explorer;
  } catch (error) {
    // The first examples stay, and so does everything else: a list that cannot be had is said, not missed.
    document.documentElement.classList.remove("exploring");
    const why = error instanceof Error && error.message ? ` (${error.message})` : "";
    root?.replaceChildren(
      build("p", { class: "note", role: "alert" }, `The list of all examples cannot be opened in this browser${why}. The first of them follow; pairs.parquet has them all.`),
    );
    return null;
  }
}

// The script stands in the head, so that the colours are chosen before anything is painted.
const started = new Promise((resolve) => {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => resolve(start()));
  else resolve(start());
});
