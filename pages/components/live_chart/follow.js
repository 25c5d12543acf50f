// Whether a chart follows the newest: a switch on the chart, what is new since it does not, and the window it shows.

const SETTLED_MS = 300; // after the last move of a zoom, until the page is told

function follows(chart) {
  return !chart.frozen && chart.host._fullLayout?.xaxis?.autorange !== false;
}

function offerFollow(chart, Plotly) {
  const meta = chart.host.layout?.meta;
  const following = follows(chart);
  if (following) chart.seen = meta?.events;
  tellWindow(chart, meta, following);
  if (!meta?.follow || (following && !meta.live)) {
    chart.follow?.remove();
    chart.follow = null;
    return;
  }
  if (!chart.follow) {
    chart.follow = document.createElement("button");
    chart.follow.type = "button";
    chart.follow.className = "live-chart-follow";
    chart.follow.onclick = () => switchFollow(chart, Plotly);
    chart.host.parentElement.append(chart.follow);
  }
  const news = (meta.events ?? 0) - (chart.seen ?? 0);
  const words = meta.live ? "Follow now" : "Show all";
  chart.follow.setAttribute("aria-pressed", String(following));
  chart.follow.textContent = news > 0 ? `${news.toLocaleString("en")} new · ${words}` : words;
}

function switchFollow(chart, Plotly) {
  const { host } = chart;
  if (follows(chart)) {
    chart.frozen = [...host._fullLayout.xaxis.range];
    Plotly.relayout(host, { "xaxis.range": chart.frozen });
  } else {
    chart.frozen = null;
    Plotly.relayout(host, { "xaxis.autorange": true });
  }
}

// A chart that shows less than there is gets what lies in its window from the page.
function tellWindow(chart, meta, following) {
  clearTimeout(chart.telling);
  if (!meta?.window) return;
  const axis = chart.host._fullLayout.xaxis;
  const base = axis.r2l(chart.bars.base);
  const [from, to] = axis.range.map((end) => Math.round(axis.r2l(end) - base));
  const shown = following ? null : { view: chart.host.layout.uirevision, from, to };
  if (JSON.stringify(shown) === JSON.stringify(chart.told ?? null)) return;
  chart.telling = setTimeout(() => {
    chart.told = shown;
    chart.state("window", shown);
  }, SETTLED_MS);
}
