// Loads the page anew when a job on it stands otherwise than it says. Without this, reload it.
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
    if (event.data !== shown.dataset.stands) again(moves);
  });
}
