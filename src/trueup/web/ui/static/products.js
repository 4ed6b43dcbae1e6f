// Search as you type: the rows come from the server as they would for the button.
const form = document.querySelector("[data-finder]");
const rows = document.getElementById("rows");
let timer = 0;
let asked = 0;

function wanted() {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) query.set(name, value);
  return query;
}

async function search() {
  const mine = ++asked;
  const query = wanted();
  const address = `${form.getAttribute("action")}?${query}`;
  query.set("part", "rows");
  rows.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.getAttribute("action")}?${query}`, { redirect: "error" });
    if (mine !== asked) return; // a later question is on its way
    if (!answer.ok) throw new Error(answer.statusText);
    rows.innerHTML = await answer.text();
    history.replaceState(null, "", address);
  } catch {
    if (mine === asked) location.assign(address); // signed out, or the server says why
  } finally {
    if (mine === asked) rows.setAttribute("aria-busy", "false");
  }
}

form.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 200);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(timer);
  search();
});
