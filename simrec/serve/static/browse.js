// Keys for people who read many lists: "/" searches, j and k go from title to title. Everything works without this.
"use strict";
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") {
    event.preventDefault();
    const search = document.getElementById("q");
    search.focus();
    search.select();
    return;
  }
  if (event.key !== "j" && event.key !== "k") return;
  const titles = [...document.querySelectorAll("main a.title")].filter((title) => title.checkVisibility());
  if (!titles.length) return;
  const step = event.key === "j" ? 1 : -1;
  const at = titles.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : titles.length - 1) : at + step;
  titles[Math.max(0, Math.min(titles.length - 1, next))].focus();
});
