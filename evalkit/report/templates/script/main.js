// Starts the page. The list of all examples takes the place of the first few that the page was written with.

async function start() {
  const store = await openExamples(document);
  if (!store) return;
}

start();
