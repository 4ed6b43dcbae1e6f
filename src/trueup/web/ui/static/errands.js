// Says how far a job of the page has come, and loads the page anew when the job stands otherwise
// than the page says. Without this, reload it.
function again(moves) {
  moves.close();
  const asked = new URLSearchParams(location.search);
  asked.delete("done");
  const search = asked.toString();
  location.replace(location.pathname + (search ? `?${search}` : ""));
}

for (const shown of document.querySelectorAll("[data-moves]")) {
  const moves = new EventSource(shown.dataset.moves);
  moves.addEventListener("over", () => again(moves));
  moves.addEventListener("shown", (event) => {
    const [stands, progress] = event.data.split("\n");
    if (stands !== shown.dataset.stands) again(moves);
    else shown.querySelector("[data-progress]").textContent = progress ?? "";
  });
}
