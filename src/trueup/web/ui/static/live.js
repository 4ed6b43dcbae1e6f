// Keeps what is on the page up to date while somebody looks. Without this, a page reloads itself.
for (const place of document.querySelectorAll("[data-live]")) {
  let source = null;
  const listen = () => {
    source = new EventSource(place.dataset.live);
    source.addEventListener("shown", (event) => {
      place.innerHTML = event.data; // our own markup, escaped where it was made
    });
    source.addEventListener("over", () => {
      source.close();
      location.replace(location.pathname);
    });
  };
  // Nobody looks at a hidden page, and a browser opens only six connections to one address.
  document.addEventListener("visibilitychange", () => {
    source?.close();
    if (!document.hidden) listen();
  });
  if (!document.hidden) listen();
}
