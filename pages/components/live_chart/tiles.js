// The heatmap's tiles: shapes of the chart, one path a family and colour, so that thousands cost a few elements.

const PAD = 0.06; // of a tile, around all of them
const OUTLINED_FROM = 10; // px of a tile that has room for an outline
const STRIPED_FROM = 24; // px of a tile that has room for three stripes
const TAP = 5; // px that a pointer may move in a press
let mapsMade = 0;

function rectangle(left, top, right, bottom) {
  const cut = (value) => Math.round(value * 1000) / 1000;
  return `M${cut(left)},${cut(top)}H${cut(right)}V${cut(bottom)}H${cut(left)}Z`;
}

function markPath({ whole, parts }, { columns, gap }) {
  const side = 1 - gap;
  let path = "";
  for (const place of whole) {
    const [x, y] = [place % columns, Math.floor(place / columns)];
    path += rectangle(x, y, x + side, y + side);
  }
  for (let at = 0; at < parts.length; at += 5) {
    const [place, left, top, right, bottom] = parts.slice(at, at + 5);
    const [x, y, unit] = [place % columns, Math.floor(place / columns), side / 100];
    path += rectangle(x + left * unit, y + top * unit, x + right * unit, y + bottom * unit);
  }
  return path;
}

function stripesPath(places, { columns, gap }, many) {
  const side = 1 - gap;
  let path = "";
  for (const place of places) {
    const [x, y] = [place % columns, Math.floor(place / columns)];
    const [middleX, middleY] = [x + side / 2, y + side / 2];
    path += `M${x},${y + side}L${x + side},${y}`;
    if (many) path += `M${x},${middleY}L${middleX},${y}M${middleX},${y + side}L${x + side},${middleY}`;
  }
  return path;
}

function shapesOf(tiles, side, only) {
  const shapes = [];
  for (const mark of tiles.marks) {
    const opacity = only && mark.family !== only ? DIMMED : 1;
    const common = { type: "path", layer: "below", name: mark.family, opacity };
    const width = side >= OUTLINED_FROM ? 1 : 0;
    shapes.push({ ...common, path: markPath(mark, tiles), fillcolor: mark.colour, line: { color: mark.edge, width } });
    if (!mark.stripes) continue;
    const line = { color: mark.stripe, width: Math.max(1, side / 22) };
    const path = stripesPath(mark.stripes, tiles, side >= STRIPED_FROM);
    shapes.push({ ...common, path, fillcolor: "rgba(0,0,0,0)", line });
  }
  return shapes;
}

// Before the chart is drawn: tiles as large as the width that there is allows, and a height that leaves nothing blank.
function layTiles(chart, figure) {
  const { tiles, layout } = figure;
  chart.map ??= { views: new Map(), number: (mapsMade += 1) };
  const width = chart.host.clientWidth;
  const side = Math.min(tiles.most, width / tiles.columns);
  layout.width = width;
  // The same numbers at every width, else plotly.js takes them for another view and lets go of a zoom.
  const columns = Math.max(tiles.columns, Math.round((width / side) * 100) / 100);
  layout.height = Math.round(tiles.rows * side);
  layout.xaxis.range = [-PAD, columns - PAD];
  layout.yaxis.range = [tiles.rows - PAD, -PAD];
  layout.shapes = shapesOf(tiles, side, chart.only);
  if (matchMedia("(pointer: coarse)").matches) layout.dragmode = false; // a finger scrolls the page
  for (const trace of figure.data) {
    if (!trace.meta.named) trace.textfont.size = Math.max(9, Math.min(28, side / 2));
  }
  keepView(chart, layout.uirevision);
  chart.map.tiles = tiles;
  chart.map.whole = [...layout.xaxis.range]; // plotly.js writes a zoom into its own
  chart.map.wholeHeight = [...layout.yaxis.range];
  chart.map.index = new Map(tiles.place.map((place, at) => [place, at]));
}

function zoomed(chart) {
  const shown = chart.host._fullLayout?.xaxis?.range;
  return Boolean(shown && chart.map.whole) && shown.some((end, at) => Math.abs(end - chart.map.whole[at]) > 1e-6);
}

// Each view has its zoom and its cursor: going back finds them as they were left.
function keepView(chart, view) {
  if (chart.map.view === view) return;
  if (chart.map.view !== undefined) {
    const { xaxis, yaxis } = chart.host._fullLayout;
    const zoom = zoomed(chart) ? { "xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range] } : null;
    chart.map.views.set(chart.map.view, { zoom, cursor: chart.map.cursor });
  }
  const kept = chart.map.views.get(view);
  chart.map.view = view;
  chart.map.cursor = kept?.cursor;
  chart.map.pinned = chart.map.pointed = undefined;
  chart.map.restore = kept?.zoom;
}

async function showTiles(chart, Plotly) {
  if (chart.map.restore) await Plotly.relayout(chart.host, chart.map.restore);
  chart.map.restore = null;
  if (!chart.map.keys) connectTiles(chart, Plotly);
  showCursor(chart);
  showStatus(chart, Plotly);
}

function matches(chart, at) {
  if (!chart.only) return true;
  const family = chart.map.tiles.families.indexOf(chart.only);
  return chart.map.tiles.counts[at].some((value, position) => position % 2 === 0 && value === family);
}

function inView(chart, at) {
  const { xaxis, yaxis } = chart.host._fullLayout;
  const { columns, place, gap } = chart.map.tiles;
  const [x, y] = [place[at] % columns, Math.floor(place[at] / columns)];
  const middle = (1 - gap) / 2;
  const within = (value, [one, other]) => value > Math.min(one, other) && value < Math.max(one, other);
  return within(x + middle, xaxis.range) && within(y + middle, yaxis.range);
}

function shownNodes(chart) {
  const { counts, families } = chart.map.tiles;
  const only = chart.only ? families.indexOf(chart.only) : -1;
  let sum = 0;
  for (let at = 0; at < counts.length; at += 1) {
    if (!inView(chart, at)) continue;
    for (let position = 0; position < counts[at].length; position += 2) {
      if (only < 0 || counts[at][position] === only) sum += counts[at][position + 1];
    }
  }
  return sum;
}

// How many nodes are shown of how many, and the ways back.
function showStatus(chart, Plotly) {
  const status = chart.host.parentElement.querySelector("p");
  const { title, of, back } = chart.map.tiles;
  const number = (value) => value.toLocaleString("en");
  const said = `Showing ${number(shownNodes(chart))} of ${number(of[1])}`;
  const text = title ? `${title} · ${said.toLowerCase()}` : said;
  if (!status.firstChild) {
    const words = document.createElement("span");
    words.setAttribute("role", "status");
    status.append(words);
    chart.map.ways = ["back", "zoom", "filter"].map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.way = name;
      status.append(button);
      return button;
    });
  }
  if (status.firstChild.textContent !== text) status.firstChild.textContent = text;
  const [backWay, zoomWay, filterWay] = chart.map.ways;
  show(backWay, back?.text, () => goBack(chart));
  show(zoomWay, zoomed(chart) && "Whole picture", () =>
    Plotly.relayout(chart.host, { "xaxis.range": [...chart.map.whole], "yaxis.range": [...chart.map.wholeHeight] }),
  );
  show(filterWay, chart.only && "All states", () => {
    chart.only = null;
    redraw(chart);
  });
}

function show(button, text, onclick) {
  button.hidden = !text;
  button.textContent = text || "";
  button.onclick = onclick;
}

function goBack(chart) {
  if (chart.map.tiles.back) click(chart, { kind: chart.map.tiles.back.kind, id: chart.map.tiles.back.id });
}

function tileAt(chart, event) {
  const { xaxis, yaxis } = chart.host._fullLayout;
  const box = chart.host.getBoundingClientRect();
  const [left, top] = [event.clientX - box.left - xaxis._offset, event.clientY - box.top - yaxis._offset];
  if (left < 0 || top < 0 || left > xaxis._length || top > yaxis._length) return undefined;
  const [column, row] = [Math.floor(xaxis.p2d(left)), Math.floor(yaxis.p2d(top))];
  if (column < 0 || row < 0 || column >= chart.map.tiles.columns) return undefined;
  return chart.map.index.get(row * chart.map.tiles.columns + column);
}

function press(chart, at) {
  const { kind, id } = chart.map.tiles;
  chart.map.cursor = id[at];
  if (kind === "place") chart.map.pinned = chart.map.pinned === id[at] ? undefined : id[at];
  click(chart, { kind, id: String(id[at]) });
  showCursor(chart);
}

function connectTiles(chart, Plotly) {
  const { host } = chart;
  makeKeys(chart);
  host.classList.add("live-chart-tiles");
  host.addEventListener("pointermove", (event) => {
    const at = event.buttons ? undefined : tileAt(chart, event);
    const pointed = at === undefined ? undefined : chart.map.tiles.id[at];
    host.classList.toggle("live-chart-over", pointed !== undefined);
    if (pointed === chart.map.pointed) return;
    chart.map.pointed = pointed;
    showCursor(chart);
  });
  host.addEventListener("pointerleave", () => {
    chart.map.pointed = undefined;
    showCursor(chart);
  });
  host.addEventListener("pointerdown", (event) => (chart.map.down = event.button ? null : event), true);
  chart.map.tap = (event) => {
    const { down } = chart.map;
    chart.map.down = null;
    if (!down || Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) > TAP) return;
    const at = tileAt(chart, event);
    if (at !== undefined) press(chart, at);
  };
  window.addEventListener("pointerup", chart.map.tap);
  host.on("plotly_relayout", () => {
    showCursor(chart);
    showStatus(chart, Plotly);
  });
}
