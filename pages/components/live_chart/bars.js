// Draws the bars of a timeline on a canvas under Plotly's axes, and knows which of them lies under the pointer.

const LEAST_WIDTH = 2; // px: a short failure is still seen
const ROOMY = 10; // px of a lane from which bars have outlines, textures and marks
const READABLE = 30; // px of a bar from which it has a label
const TALL_FOOT = 16; // px of a bar from which its foot is thicker
const NEARLY = 0.9; // of a time limit, from which a bar warns

// Starts come as the distance from the one before, times in units; see pages/charts/bars.py.
function readBars(bars) {
  const now = bars.now * bars.unit;
  for (const set of bars.sets) {
    let at = 0;
    set.from = Float64Array.from(set.start, (distance) => (at += distance) * bars.unit);
    set.to = Float64Array.from(set.length, (length, index) =>
      length < 0 ? Math.max(now, set.from[index]) : set.from[index] + length * bars.unit,
    );
  }
  return bars;
}

function scaleOf(host, bars) {
  const { xaxis, yaxis } = host._fullLayout;
  const base = xaxis.r2l(bars.base);
  return {
    left: xaxis._offset,
    right: xaxis._offset + xaxis._length,
    top: yaxis._offset,
    bottom: yaxis._offset + yaxis._length,
    lane: Math.abs(yaxis.l2p(1) - yaxis.l2p(0)),
    x: (time) => xaxis._offset + xaxis.l2p(base + time),
    y: (lane) => yaxis._offset + yaxis.l2p(lane),
    time: (x) => xaxis.p2l(x - xaxis._offset) - base,
    lines: (xaxis._vals ?? []).map((tick) => xaxis._offset + xaxis.l2p(tick.x)),
  };
}

const TEXTURES = {
  "/": [[0, 7, 7, 0]],
  "\\": [[0, 0, 7, 7]],
  "-": [[0, 3, 7, 3]],
  x: [[0, 0, 7, 7], [0, 7, 7, 0]],
  ".": [[3, 3, 4, 3]],
};

function texture(context, shape, colour) {
  const made = (texture.made ??= new Map());
  const name = shape + colour;
  if (!made.has(name)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 7;
    const pen = tile.getContext("2d");
    pen.strokeStyle = colour;
    pen.lineWidth = shape === "." ? 2 : 1;
    for (const [x, y, toX, toY] of TEXTURES[shape]) {
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(toX, toY);
      pen.stroke();
    }
    made.set(name, context.createPattern(tile, "repeat"));
  }
  return made.get(name);
}

function canvasOf(chart) {
  const { host } = chart;
  const canvas = (chart.canvas ??= document.createElement("canvas"));
  canvas.className = "live-chart-bars";
  if (canvas.parentElement !== host.parentElement) host.before(canvas);
  const ratio = window.devicePixelRatio || 1;
  const [width, height] = [host._fullLayout.width, host._fullLayout.height];
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return context;
}

function drawBars(chart) {
  const { bars, host } = chart;
  if (!bars || !host._fullLayout?.xaxis?.l2p) return;
  const scale = scaleOf(host, bars);
  const context = canvasOf(chart);
  const theme = themeOf(host);
  context.fillStyle = theme.line;
  for (const x of scale.lines) context.fillRect(Math.round(x), scale.top, 1, scale.bottom - scale.top);
  context.beginPath();
  context.rect(scale.left, scale.top, scale.right - scale.left, scale.bottom - scale.top);
  context.clip();
  context.font = `11px ${theme.font}`;
  context.textBaseline = "middle";
  if (bars.queue) drawQueue(context, scale, bars);
  for (const set of bars.sets) drawSet(context, scale, set, chart, theme);
}

function boxOf(scale, set, index, height) {
  const from = Math.max(scale.left - 2, scale.x(set.from[index]));
  const to = Math.min(scale.right + 2, scale.x(set.to[index]));
  if (to < scale.left || from > scale.right) return null;
  const high = scale.lane < ROOMY ? Math.max(1, scale.lane * (height > 0.5 ? 0.9 : height)) : scale.lane * height;
  return { x: from, y: scale.y(set.lane[index]) - high / 2, width: Math.max(LEAST_WIDTH, to - from), height: high };
}

// The worst of what there is lies on top.
function drawSet(context, scale, set, chart, theme) {
  const roomy = scale.lane >= ROOMY;
  for (let rank = 0; rank < 7; rank += 1) {
    const looks = set.looks.map((look) => look.rank === rank);
    if (!looks.includes(true)) continue;
    for (let index = 0; index < set.from.length; index += 1) {
      if (!looks[set.look[index]]) continue;
      const look = set.looks[set.look[index]];
      const box = boxOf(scale, set, index, look.height);
      if (!box) continue;
      context.globalAlpha = chart.only && chart.only !== look.family ? 0.15 : 1;
      context.fillStyle = look.colour;
      context.fillRect(box.x, box.y, box.width, box.height);
      if (roomy) drawDetail(context, scale, set, index, box, look, chart, theme);
      if (set.id[index] === chart.chosen && set.kind === "task") outline(context, box, theme.text, 2);
    }
  }
  context.globalAlpha = 1;
  if (set.links?.length) drawLinks(context, scale, set, theme);
}

function outline(context, box, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.strokeRect(box.x + 0.5, box.y + 0.5, box.width - 1, box.height - 1);
}

function drawDetail(context, scale, set, index, box, look, chart, theme) {
  if (look.pattern) {
    context.fillStyle = texture(context, look.pattern, look.edge);
    context.fillRect(box.x, box.y, box.width, box.height);
  }
  const steps = set.steps?.[index];
  if (steps) drawSteps(context, scale, set, index, box, look, steps, chart.bars.unit);
  drawMade(context, scale, set, index, box);
  if (box.width > 4) outline(context, box, look.edge, 1);
  if (set.kind === "task" && box.width >= READABLE) drawLabel(context, set, index, box, look, chart.bars);
  if (look.mark && set.length[index] >= 0) drawMark(context, box, look);
}

// Fetching its input: dots on a pale ground; sending its result: lines on a pale ground.
function drawSteps(context, scale, set, index, box, look, steps, unit) {
  const end = box.x + box.width;
  const [converting, uploading] = steps.map((time) => (time === null ? end : Math.min(end, scale.x(time * unit))));
  for (const [from, to, shape] of [[box.x, converting, "."], [Math.max(uploading, box.x), end, "-"]]) {
    if (to - from < 1) continue;
    context.fillStyle = "rgba(255, 255, 255, 0.55)";
    context.fillRect(from, box.y, to - from, box.height);
    context.fillStyle = texture(context, shape, look.edge);
    context.fillRect(from, box.y, to - from, box.height);
  }
}

// Along the foot of what runs: how much of its result is made, as a part of the whole bar.
function footOf(set, index, box) {
  if ((set.far?.[index]?.[0] ?? null) === null) return 0;
  return box.height < TALL_FOOT ? 3 : 5;
}

function drawMade(context, scale, set, index, box) {
  const foot = footOf(set, index, box);
  if (!foot) return;
  const y = box.y + box.height - foot;
  const [from, to] = [scale.x(set.from[index]), scale.x(set.to[index])];
  const reached = Math.min(box.x + box.width, from + ((to - from) * set.far[index][0]) / 100);
  context.fillStyle = set.made.edge;
  context.fillRect(box.x, y, box.width, foot);
  context.fillStyle = set.made.colour;
  context.fillRect(box.x, y, Math.max(0, reached - box.x), foot);
}

function drawLabel(context, set, index, box, look, bars) {
  const room = Math.floor((box.width - 8) / 6);
  const far = set.far?.[index]?.[1];
  const limit = limitOf(set, index, bars);
  let words = (set.name ?? set.id)[index];
  if (limit) {
    const told = `${spell(limit.elapsed)} of ${spell(limit.allowed)}`;
    words = limit.nearly ? `! ${told} · ${words}` : `${words} · ${told}`;
    if (limit.nearly) outline(context, box, "#D55E00", 3);
  }
  if (far && !limit?.nearly) {
    if (room < far.length) return; // a number of which a part is cut off is another number
    words = room > far.length + 4 ? `${far} · ${words}` : far;
  }
  if (room < 2) return;
  const high = box.height - (box.height < TALL_FOOT ? 2 : footOf(set, index, box));
  const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words;
  if (set.steps?.[index]) {
    context.fillStyle = look.colour;
    context.fillRect(box.x + 2, box.y + 3, Math.min(box.width - 4, shown.length * 6 + 6), high - 6);
  }
  context.fillStyle = look.text;
  context.fillText(shown, box.x + 4, box.y + high / 2 + 1);
}

// How long something that runs has run of the time that it may.
function limitOf(set, index, bars) {
  if (set.kind !== "task" || set.length[index] >= 0 || bars.limit === null) return null;
  const allowed = bars.limit * bars.unit - set.from[index];
  const elapsed = set.to[index] - set.from[index];
  return { allowed, elapsed, nearly: elapsed > NEARLY * allowed };
}

function drawMark(context, box, look) {
  const [x, y, size] = [box.x + box.width, box.y + box.height / 2, 4];
  const ends = look.family === "error"
    ? [[-size, -size, size, size], [-size, size, size, -size]]
    : [[0, -size, size, 0], [size, 0, 0, size], [0, size, -size, 0], [-size, 0, 0, -size]];
  for (const [colour, width] of [["#FFFFFF", 4], [look.colour, 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    for (const [fromX, fromY, toX, toY] of ends) {
      context.moveTo(x + fromX, y + fromY);
      context.lineTo(x + toX, y + toY);
    }
    context.stroke();
  }
}

// From an attempt to the next at the same task.
function drawLinks(context, scale, set, theme) {
  context.strokeStyle = theme.text;
  context.lineWidth = 1;
  context.setLineDash([2, 2]);
  context.beginPath();
  for (let place = 0; place < set.links.length; place += 2) {
    const [earlier, later] = [set.links[place], set.links[place + 1]];
    context.moveTo(scale.x(set.to[earlier]), scale.y(set.lane[earlier]));
    context.lineTo(scale.x(set.from[later]), scale.y(set.lane[later]));
  }
  context.stroke();
  context.setLineDash([]);
}

// What waits, as high as there was of it.
function drawQueue(context, scale, bars) {
  const { at, waiting, edge, lane } = bars.queue;
  const most = Math.max(...waiting, 1);
  const high = scale.lane * 0.78;
  const foot = scale.y(lane) + high / 2;
  let time = 0;
  context.beginPath();
  for (let index = 0; index < at.length; index += 1) {
    time += at[index] * bars.unit;
    const x = scale.x(time);
    if (!index) context.moveTo(x, foot);
    context.lineTo(x, foot - (high * waiting[index]) / most);
  }
  context.lineTo(scale.x(time), foot);
  context.closePath();
  context.fillStyle = texture(context, "/", edge);
  context.fill();
  context.strokeStyle = edge;
  context.lineWidth = 1;
  context.stroke();
}

// What lies under the pointer, a few pixels beside it counted in; the worst, and of equals the last.
function barAt(chart, event) {
  const { bars, host } = chart;
  if (!bars || !host._fullLayout?.xaxis) return null;
  const place = host.getBoundingClientRect();
  const [x, y] = [event.clientX - place.left, event.clientY - place.top];
  const scale = scaleOf(host, bars);
  if (x < scale.left || x > scale.right || y < scale.top || y > scale.bottom) return null;
  let found = null;
  for (const set of bars.sets) {
    for (let index = 0; index < set.from.length; index += 1) {
      if (Math.abs(scale.y(set.lane[index]) - y) > scale.lane / 2) continue;
      const box = boxOf(scale, set, index, 1);
      if (!box || x < box.x - 3 || x > box.x + box.width + 3) continue;
      const rank = set.looks[set.look[index]].rank + (set.kind === "task" ? 10 : 0);
      if (!found || rank >= found.rank) found = { set, index, rank };
    }
  }
  return found;
}
