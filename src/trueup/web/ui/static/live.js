// Keeps what is on the page up to date while somebody looks. Without this, the page has a link to
// load it again.
const PAUSE = 5000; // milliseconds, after a connection that the browser does not make anew itself

for (const place of document.querySelectorAll("[data-live]")) {
  const lost = document.querySelector("[data-lost]");
  let source = null;
  let later = 0;
  let missed = 0;

  const heard = () => {
    clearTimeout(missed);
    missed = 0;
    lost.hidden = true;
  };
  const show = (event) => {
    heard();
    // Whoever is at a link in there with the keyboard is not thrown out of it.
    if (place.contains(document.activeElement)) return;
    place.innerHTML = event.data; // our own markup, escaped where it was made
  };
  const listen = () => {
    clearTimeout(later);
    source?.close();
    source = new EventSource(place.dataset.live);
    source.addEventListener("shown", show);
    source.addEventListener("over", () => {
      source.close();
      location.replace(location.pathname);
    });
    source.addEventListener("error", () => {
      missed ||= setTimeout(() => (lost.hidden = false), PAUSE);
      // A server that is away for a moment is asked again; the browser gives up after some answers.
      if (source.readyState === EventSource.CLOSED) later = setTimeout(listen, PAUSE);
    });
    source.addEventListener("open", heard);
  };
  // Nobody looks at a hidden page, and a browser opens only six connections to one address.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(later);
    source?.close();
    if (!document.hidden) listen();
  });
  if (!document.hidden) listen();
}
