const note = document.getElementById("note");
function show(event) {
  const text = event.target.dataset ? event.target.dataset.t : undefined;
  note.hidden = text === undefined;
  if (text === undefined) return;
  note.textContent = text;
  const room = document.documentElement.clientWidth - note.offsetWidth - 8;
  note.style.left = Math.max(8, Math.min(event.pageX + 12, room)) + "px";
  note.style.top = event.pageY + 18 + "px";
}
for (const map of document.querySelectorAll(".map svg, .curve")) {
  map.addEventListener("pointerover", show);
  map.addEventListener("pointerdown", show);
  map.addEventListener("pointerleave", () => { note.hidden = true; });
}
