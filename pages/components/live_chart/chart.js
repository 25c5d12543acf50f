// Keeps one Plotly chart a mounted element and gives it new data with Plotly.react.

const CONFIG = {
  responsive: false, // the ResizeObserver below also sees the sidebar open and close
  displaylogo: false,
  doubleClick: "reset+autosize",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
  typesetMath: false,
};
const SLOW_PAINT_MS = 100;
const charts = new WeakMap();

function plotly() {
  globalThis.liveChartLibrary ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "{{PLOTLY_URL}}";
    script.onload = () => resolve(globalThis.Plotly);
    script.onerror = () => {
      globalThis.liveChartLibrary = undefined;
      reject(new Error("plotly.min.js could not be loaded"));
    };
    document.head.append(script);
  });
  return globalThis.liveChartLibrary;
}

async function unpacked(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

function sameBytes(one, other) {
  return one?.length === other?.length && one.every((value, index) => value === other[index]);
}

function themeOf(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--st-text-color"),
    background: read("--st-background-color"),
    panel: read("--st-secondary-background-color"),
    line: read("--st-border-color"),
    font: read("--st-font"),
    read,
  };
}

// Replaces "var(--st-…)" by the theme's value, in objects only: data arrays are left alone.
function resolveColours(node, theme) {
  for (const [name, value] of Object.entries(node)) {
    if (typeof value === "string" && value.startsWith("var(--st-")) {
      node[name] = theme.read(value.slice(4, -1));
    } else if (Array.isArray(value)) {
      for (const item of value.length <= 64 ? value : []) {
        if (item && typeof item === "object") resolveColours(item, theme);
      }
    } else if (value && typeof value === "object") {
      resolveColours(value, theme);
    }
  }
}

function dress(figure, theme) {
  const layout = figure.layout;
  resolveColours(layout, theme);
  for (const trace of figure.data) resolveColours(trace, theme);
  layout.paper_bgcolor = "rgba(0,0,0,0)";
  layout.plot_bgcolor = "rgba(0,0,0,0)";
  layout.font = { family: theme.font, size: 12, color: theme.text, ...layout.font };
  layout.hoverlabel = {
    bgcolor: theme.panel,
    bordercolor: theme.line,
    align: "left",
    ...layout.hoverlabel,
    font: { family: theme.font, size: 13, color: theme.text },
  };
  layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: theme.line, activecolor: theme.text };
  for (const name of Object.keys(layout).filter((key) => /^[xy]axis\d*$/.test(key))) {
    layout[name] = { gridcolor: theme.line, linecolor: theme.line, zerolinecolor: theme.line, ...layout[name] };
  }
  return figure;
}

// Buttons only where the layout has left room for them: else they would lie over what is shown.
function config(figure) {
  const displayModeBar = figure.layout.meta?.tools ? "hover" : false;
  // An image of plotly.js would be without the bars.
  return figure.bars
    ? { ...CONFIG, displayModeBar, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]] }
    : { ...CONFIG, displayModeBar };
}

function connect(chart, Plotly) {
  const { host } = chart;
  host.on("plotly_click", (event) => {
    const point = event.points.find((candidate) => candidate.customdata != null);
    if (!point) return;
    const kind = (point.data ?? point.fullData).meta?.kind ?? "";
    click(chart, { kind, id: String(point.customdata) });
  });
  host.on("plotly_relayout", () => {
    if (chart.frozen) chart.frozen = host._fullLayout.xaxis.autorange ? null : [...host._fullLayout.xaxis.range];
    offerFollow(chart, Plotly);
  });
  for (const name of ["plotly_relayouting", "plotly_afterplot"]) host.on(name, () => drawBars(chart));
  watchPointer(chart);
  host.on("plotly_hover", (event) => (chart.pointer = event.event));
  host.on("plotly_unhover", () => (chart.pointer = null));
  // A refresh in the middle of a drag would end the drag.
  host.addEventListener("pointerdown", () => (chart.held = true), true);
  chart.release = () => {
    chart.held = false;
    schedule(chart);
  };
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, chart.release);
  chart.resizer = new ResizeObserver(() => {
    if (!host.offsetParent || host.clientWidth === host._fullLayout?.width) return;
    if (chart.map) redraw(chart);
    else Plotly.Plots.resize(host);
  });
  chart.resizer.observe(host.parentElement);
}

async function paint(chart) {
  const Plotly = await plotly();
  const bytes = chart.bytes;
  const begun = performance.now();
  const figure = dress(await unpacked(bytes), themeOf(chart.host));
  if (chart.ended) return;
  if (chart.held) {
    chart.wanted = true; // the pointer went down meanwhile; its release draws
    return;
  }
  const { host } = chart;
  dim(figure, chart.only);
  if (figure.tiles) layTiles(chart, figure);
  host.style.height = `${figure.layout.height}px`;
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", figure.alt);
  chart.bars = figure.bars ? readBars(figure.bars) : null;
  if (chart.frozen) Object.assign(figure.layout.xaxis, { autorange: false, range: chart.frozen });
  await Plotly.react(host, figure.data, { autosize: true, ...figure.layout }, config(figure));
  drawBars(chart);
  const took = performance.now() - begun;
  if (!chart.resizer) connect(chart, Plotly);
  if (chart.pointer) Plotly.Fx.hover(host, chart.pointer);
  showTip(chart);
  offerFollow(chart, Plotly);
  if (figure.tiles) await showTiles(chart, Plotly);
  showLegend(chart, figure.legend ?? [], familiesIn(figure));
  chart.drawn = bytes;
  host.dataset.refreshes = String(Number(host.dataset.refreshes ?? 0) + 1);
  host.dataset.paintMs = String(Math.round(took));
  // A slow browser spends at most a quarter of its time on painting.
  if (took > SLOW_PAINT_MS) await new Promise((resolve) => setTimeout(resolve, 3 * took));
}

function redraw(chart) {
  chart.wanted = true;
  schedule(chart);
}

function failed(chart, error) {
  console.error("live chart:", error);
  if (chart.drawn) return;
  chart.host.classList.add("live-chart-failed");
  chart.host.textContent = "The chart could not be drawn. The same numbers are in the tables; reload the page to try again.";
}

async function schedule(chart) {
  if (chart.busy) return;
  chart.busy = true;
  try {
    while (chart.wanted && !chart.held && !chart.ended) {
      chart.wanted = false;
      await paint(chart);
    }
  } catch (error) {
    failed(chart, error);
  } finally {
    chart.busy = false;
  }
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  let chart = charts.get(parentElement);
  if (!chart) {
    chart = { host: parentElement.querySelector(".live-chart-plot") };
    charts.set(parentElement, chart);
  }
  chart.trigger = setTriggerValue;
  chart.state = setStateValue;
  const theme = themeOf(chart.host);
  const themeName = [theme.text, theme.background, theme.line, theme.font].join();
  if (data && (!sameBytes(data, chart.bytes) || themeName !== chart.themeName)) {
    chart.bytes = data;
    chart.themeName = themeName;
    chart.wanted = true;
    schedule(chart);
  }
  return () => {
    chart.ended = true;
    charts.delete(parentElement);
    chart.resizer?.disconnect();
    for (const name of ["pointerup", "pointercancel"]) window.removeEventListener(name, chart.release);
    window.removeEventListener("pointerup", chart.clicked);
    window.removeEventListener("pointerup", chart.map?.tap);
    clearTimeout(chart.telling);
    for (const part of [chart.follow, chart.tip, chart.canvas, chart.map?.keys]) part?.remove();
    globalThis.Plotly?.purge(chart.host);
  };
}
