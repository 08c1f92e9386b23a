// Keeps a page of something that still changes up to date without losing the reader's place.
(() => {
  const page = document.getElementById("page");
  const isAtEnd = (box) => box.scrollTop + box.clientHeight >= box.scrollHeight - 4;

  function scrollLogs(places) {
    page.querySelectorAll("[data-follow]").forEach((box, i) => {
      box.scrollTop = places[i] ?? box.scrollHeight;
    });
  }

  async function refresh() {
    const answer = await fetch(location.href);
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("page");
    if (!answer.ok || !next) return;
    const isReading = !document.hidden && !getSelection().isCollapsed;
    if (next.innerHTML !== page.innerHTML && !isReading) {
      const logs = [...page.querySelectorAll("[data-follow]")];
      const places = logs.map((box) => (isAtEnd(box) ? undefined : box.scrollTop));
      const open = [...page.querySelectorAll("details[open]")].map((each) => each.id);
      page.replaceChildren(...next.childNodes);
      open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
      scrollLogs(places);
    }
    if (!isReading) page.dataset.live = next.dataset.live ?? "";
  }

  async function follow() {
    if (!document.hidden) await refresh().catch(() => {});
    if (page.dataset.live) setTimeout(follow, page.dataset.live * 1000);
  }

  scrollLogs([]);
  setTimeout(follow, page.dataset.live * 1000);
})();
