const REACH = 28; // pixels from a finger to a dot
const note = document.getElementById("note");
const plots = document.querySelectorAll(".map svg, .curve");
let current = null;

function hide() {
  if (current) current.classList.remove("on");
  current = null;
  note.hidden = true;
}

function show(dot) {
  if (current) current.classList.remove("on");
  current = dot;
  dot.classList.add("on");
  note.textContent = dot.dataset.t;
  note.hidden = false;
  const box = dot.getBoundingClientRect();
  const width = document.documentElement.clientWidth;
  const left = Math.min(box.right + 8, width - note.offsetWidth - 8);
  note.style.left = window.scrollX + Math.max(8, left) + "px";
  note.style.top = window.scrollY + box.bottom + 10 + "px";
}

function middle(dot) {
  const box = dot.getBoundingClientRect();
  return [box.left + box.width / 2, box.top + box.height / 2];
}

function nearest(plot, x, y, reach, allowed) {
  let best = null;
  let least = reach;
  for (const dot of plot.querySelectorAll("circle")) {
    const [dotX, dotY] = middle(dot);
    if (allowed && !allowed(dotX - x, dotY - y)) continue;
    const distance = Math.hypot(dotX - x, dotY - y);
    if (distance < least) { best = dot; least = distance; }
  }
  return best;
}

const WAYS = {
  ArrowRight: (x, y) => x > 0.1 && x >= Math.abs(y),
  ArrowLeft: (x, y) => x < -0.1 && -x >= Math.abs(y),
  ArrowDown: (x, y) => y > 0.1 && y >= Math.abs(x),
  ArrowUp: (x, y) => y < -0.1 && -y >= Math.abs(x),
};

function step(event) {
  const plot = event.currentTarget;
  if (event.key === "Escape") hide();
  if (!(event.key in WAYS)) return;
  event.preventDefault();
  const inside = current && plot.contains(current);
  const [x, y] = middle(inside ? current : plot);
  const dot = nearest(plot, x, y, Infinity, inside ? WAYS[event.key] : null);
  if (dot) show(dot);
}

for (const plot of plots) {
  plot.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "touch" && event.target.dataset.t !== undefined) show(event.target);
  });
  plot.addEventListener("pointerleave", (event) => {
    if (event.pointerType !== "touch") hide();
  });
  plot.addEventListener("click", (event) => {
    const dot = nearest(plot, event.clientX, event.clientY, REACH);
    if (dot) { show(dot); event.stopPropagation(); }
  });
  plot.addEventListener("keydown", step);
  plot.addEventListener("blur", hide);
}
document.addEventListener("click", hide);

let closed = [];
window.addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details:not([open])")];
  for (const details of closed) details.open = true;
});
window.addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
});
