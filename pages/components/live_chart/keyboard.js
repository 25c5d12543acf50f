// The heatmap by keyboard: one tab stop, arrows from tile to tile with what is told of each announced, Enter opens it.
// The same text stands beside the tile under the pointer, and stays there when a press has pinned it.

const TIP_GAP = 6; // px between a tile and what is told of it

function makeKeys(chart) {
  const make = (className, parent) => {
    const element = document.createElement("div");
    element.className = className;
    parent.append(element);
    return element;
  };
  const keys = make("live-chart-keys", chart.host.parentElement);
  keys.tabIndex = 0;
  keys.setAttribute("role", "listbox");
  keys.setAttribute("aria-label", "Tiles: arrow keys move, Enter opens, Escape lets go");
  chart.map.keys = keys;
  chart.map.ring = make("live-chart-ring", keys);
  chart.map.pin = make("live-chart-ring live-chart-pin", keys);
  chart.map.tip = make("live-chart-tip", keys);
  chart.map.spoken = make("live-chart-spoken", keys);
  keys.addEventListener("focus", () => showCursor(chart));
  keys.addEventListener("blur", () => showCursor(chart));
  keys.addEventListener("keydown", (event) => {
    if (!event.ctrlKey && !event.metaKey && !event.altKey && keyed(chart, event.key)) event.preventDefault();
  });
}

// The index of the tile with an id, undefined when there is none.
function indexOf(chart, id) {
  const at = id === undefined ? -1 : chart.map.tiles.id.indexOf(id);
  return at < 0 ? undefined : at;
}

function keyed(chart, key) {
  chart.map.pointed = undefined;
  const from = indexOf(chart, chart.map.cursor);
  if (key === "Enter" || key === " ") {
    if (from !== undefined) press(chart, from);
  } else if (key === "Escape" || key === "Backspace") {
    if (chart.map.pinned === undefined) goBack(chart);
    chart.map.pinned = undefined;
  } else {
    const to = neighbour(chart, from, key);
    if (to === null) return false;
    if (to !== undefined) chart.map.cursor = chart.map.tiles.id[to];
  }
  showCursor(chart);
  return true;
}

// The tile that a key leads to (of those that the legend lights), undefined where there is none, null for other keys.
function neighbour(chart, from, key) {
  const { place, columns } = chart.map.tiles;
  const lit = place.map((_, at) => at).filter((at) => matches(chart, at));
  if (key === "Home" || (from === undefined && key.startsWith("Arrow"))) return lit[0];
  if (key === "End") return lit.at(-1);
  const here = place[from];
  if (key === "ArrowRight") return lit.find((at) => place[at] > here);
  if (key === "ArrowLeft") return lit.findLast((at) => place[at] < here);
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const way = key === "ArrowDown" ? 1 : -1;
  const [column, row] = [here % columns, Math.floor(here / columns)];
  const apart = (at) => {
    const rows = (Math.floor(place[at] / columns) - row) * way;
    return rows > 0 ? rows * columns + Math.abs((place[at] % columns) - column) : Infinity;
  };
  const best = lit.reduce((one, other) => (apart(other) < apart(one) ? other : one), lit[0]);
  return best !== undefined && apart(best) < Infinity ? best : undefined;
}

// Where a tile lies in px of the chart.
function tileBox(chart, at) {
  const { xaxis, yaxis } = chart.host._fullLayout;
  const { place, columns, gap } = chart.map.tiles;
  const [x, y] = [place[at] % columns, Math.floor(place[at] / columns)];
  const [left, top] = [xaxis._offset + xaxis.d2p(x), yaxis._offset + yaxis.d2p(y)];
  const right = xaxis._offset + xaxis.d2p(x + 1 - gap);
  return { left, top, side: right - left };
}

function lay(ring, box) {
  ring.hidden = !box;
  if (box) Object.assign(ring.style, { left: `${box.left}px`, top: `${box.top}px`, width: `${box.side}px`, height: `${box.side}px` });
}

function showCursor(chart) {
  if (!chart.map.keys) return;
  const focused = document.activeElement === chart.map.keys;
  if (focused && indexOf(chart, chart.map.cursor) === undefined) chart.map.cursor = chart.map.tiles.id[0];
  const cursor = focused ? indexOf(chart, chart.map.cursor) : undefined;
  const pinned = indexOf(chart, chart.map.pinned);
  const visible = (at) => at !== undefined && inView(chart, at);
  lay(chart.map.ring, visible(cursor) && tileBox(chart, cursor));
  lay(chart.map.pin, visible(pinned) && tileBox(chart, pinned));
  speak(chart, cursor);
  const told = [indexOf(chart, chart.map.pointed), cursor, pinned].find((at) => visible(at));
  tellTile(chart, told);
}

// A screen reader says the option that has become the active one: each tile is a new element.
function speak(chart, at) {
  const { spoken, keys, tiles, number } = chart.map;
  const text = at === undefined ? "" : tileLines(tiles, at).join(", ");
  if (spoken.textContent === text && spoken.firstChild?.dataset.id === String(tiles.id[at])) return;
  if (at === undefined) {
    keys.removeAttribute("aria-activedescendant");
    spoken.replaceChildren();
    return;
  }
  const option = document.createElement("div");
  option.id = `tile-${number}-${tiles.id[at]}`;
  option.dataset.id = String(tiles.id[at]);
  option.setAttribute("role", "option");
  option.setAttribute("aria-selected", "true");
  option.setAttribute("aria-posinset", String(at + 1));
  option.setAttribute("aria-setsize", String(tiles.id.length));
  option.textContent = text;
  spoken.replaceChildren(option);
  keys.setAttribute("aria-activedescendant", option.id);
}

function tileLines(tiles, at) {
  return tiles.tips[at].map((line) => tiles.lines[line]);
}

function tellTile(chart, at) {
  const { host } = chart;
  const { tip, tiles } = chart.map;
  tip.hidden = at === undefined;
  if (at === undefined) return;
  const lines = [...tileLines(tiles, at), tiles.next].map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  });
  tip.replaceChildren(...lines);
  tip.classList.toggle("live-chart-pinned", chart.map.pinned === tiles.id[at]);
  const { left, top, side } = tileBox(chart, at);
  const page = host.getBoundingClientRect();
  const room = document.documentElement.clientWidth;
  let x = left + side + TIP_GAP;
  if (page.left + x + tip.offsetWidth > room) x = left - TIP_GAP - tip.offsetWidth;
  const beside = page.left + x >= 0;
  if (!beside) x = Math.max(-page.left, Math.min(left, room - page.left - tip.offsetWidth));
  const y = beside ? top : top + side + TIP_GAP;
  tip.style.left = `${x}px`;
  tip.style.top = `${y}px`;
}
