// The label at the pointer, and clicks, for what is drawn on the canvas; names are set as text, never as HTML.

const STILL = 5; // px that a hand moves while it clicks

function spell(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return seconds % 60 ? `${minutes} min ${seconds % 60} s` : `${minutes} min`;
  if (minutes < 60) return `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

function clock(bars, time) {
  const moment = new Date(Date.parse(`${bars.clock.replace(" ", "T")}Z`) + time);
  return moment.toISOString().slice(11, 19);
}

function linesOf(bars, { set, index }) {
  const look = set.looks[set.look[index]];
  const attempt = set.attempt?.[index];
  const [from, to] = [set.from[index], set.to[index]];
  const lines = [
    (set.name ?? set.id)[index],
    `${look.glyph} ${look.words}${attempt ? `, attempt ${attempt}` : ""}`,
    set.length[index] < 0
      ? `since ${clock(bars, from)}, ${spell(to - from)}`
      : `${clock(bars, from)} – ${clock(bars, to)}, ${spell(to - from)}`,
  ];
  if (set.far?.[index]) lines.push(set.far[index][2]);
  const steps = set.steps?.[index];
  if (steps) lines.push(stepWords(steps, from, to, bars.unit));
  const limit = limitOf(set, index, bars);
  if (limit) lines.push(`${spell(limit.allowed - limit.elapsed)} until its time limit`);
  return lines;
}

function stepWords([converting, uploading], from, to, unit) {
  const begun = converting === null ? to : converting * unit;
  const words = [`downloading ${spell(begun - from)}`];
  if (converting !== null) words.push(`converting ${spell((uploading === null ? to : uploading * unit) - begun)}`);
  if (uploading !== null) words.push(`uploading ${spell(to - uploading * unit)}`);
  return words.join(", ");
}

function showTip(chart) {
  const found = chart.over && barAt(chart, chart.over);
  chart.host.classList.toggle("live-chart-over", Boolean(found));
  if (!found) {
    chart.tip?.remove();
    chart.tip = null;
    return;
  }
  if (!chart.tip) {
    chart.tip = document.createElement("div");
    chart.tip.className = "live-chart-tip";
    chart.tip.setAttribute("role", "tooltip");
    chart.host.parentElement.append(chart.tip);
  }
  const lines = linesOf(chart.bars, found).map((text) => {
    const line = document.createElement("div");
    line.textContent = text;
    return line;
  });
  chart.tip.replaceChildren(...lines);
  const place = chart.host.getBoundingClientRect();
  const x = chart.over.clientX - place.left;
  const wide = chart.tip.offsetWidth;
  chart.tip.style.left = `${x + 12 + wide > place.width ? Math.max(0, x - 12 - wide) : x + 12}px`;
  chart.tip.style.top = `${chart.over.clientY - place.top + 14}px`;
}

function watchPointer(chart) {
  const { host } = chart;
  let down = null;
  host.addEventListener("pointermove", (event) => {
    chart.over = event;
    showTip(chart);
  });
  host.addEventListener("pointerleave", () => {
    chart.over = null;
    showTip(chart);
  });
  host.addEventListener("pointerdown", (event) => (down = event), true);
  chart.clicked = (event) => {
    const still = down && Math.hypot(event.clientX - down.clientX, event.clientY - down.clientY) < STILL;
    const found = still && barAt(chart, event);
    down = null;
    if (!found) return;
    chart.chosen = found.set.id[found.index];
    click(chart, { kind: found.set.kind, id: chart.chosen });
    drawBars(chart);
  };
  window.addEventListener("pointerup", chart.clicked);
}
