// The legend under a chart: counts, and a filter. A press on an entry dims what is of other families, another press
// lights all again. Entries stay the elements that they are while the chart is refreshed: the keyboard keeps its place.

const DIMMED = 0.12;

function familiesIn(figure) {
  const named = figure.data.flatMap((trace) => trace.meta?.family ?? []);
  const barred = (figure.bars?.sets ?? []).flatMap((set) => set.looks.map((look) => look.family));
  return new Set([...named, ...barred, ...(figure.tiles?.marks ?? []).map((mark) => mark.family)]);
}

function dim(figure, only) {
  if (!only) return;
  for (const trace of figure.data) {
    const families = [trace.meta?.family ?? []].flat();
    if (families.length && !families.includes(only)) trace.opacity = (trace.opacity ?? 1) * DIMMED;
  }
}

// What was chosen stays in the legend when nothing is left of it, so that it can be let go.
function withChosen(chart, entries) {
  if (!chart.only) return entries;
  const found = entries.find(({ id }) => id === chart.only);
  if (found) chart.chosenEntry = found;
  if (found) return entries;
  return [...entries, { ...chart.chosenEntry, text: chart.chosenEntry.text.replace(/[\d,]+$/, "0") }];
}

function legendItem(chart, id) {
  const item = document.createElement("li");
  const holder = id ? document.createElement("button") : item;
  const sample = document.createElement("span");
  holder.append(sample, document.createTextNode(""));
  if (!id) return item;
  holder.type = "button";
  holder.onclick = () => {
    chart.only = chart.only === id ? null : id;
    showLegend(chart, chart.entries, chart.filters);
    redraw(chart);
  };
  item.append(holder);
  return item;
}

function showLegend(chart, entries, filters) {
  const list = chart.host.parentElement.querySelector("ul");
  const shown = withChosen(chart, entries);
  chart.entries = shown;
  chart.filters = filters;
  const ids = shown.map(({ id, text }) => (id && filters.has(id) ? id : `text ${text.replace(/[\d,]+$/, "")}`));
  if (list.dataset.entries !== ids.join("\n")) {
    for (const item of [...list.children]) if (!ids.includes(item.dataset.id)) item.remove();
    ids.forEach((id, at) => {
      if (list.children[at]?.dataset.id === id) return;
      const item = legendItem(chart, filters.has(shown[at].id) ? shown[at].id : "");
      item.dataset.id = id;
      list.insertBefore(item, list.children[at] ?? null); // never moves one: the keyboard would lose its place
    });
    while (list.children.length > ids.length) list.lastChild.remove();
    list.dataset.entries = ids.join("\n");
  }
  shown.forEach(({ id, colour, edge, text }, at) => {
    const holder = list.children[at].querySelector("button") ?? list.children[at];
    const sample = holder.firstChild;
    sample.className = colour ? "" : "live-chart-striped";
    sample.style.background = colour;
    sample.style.borderColor = edge;
    holder.lastChild.data = text;
    if (holder.localName === "button") holder.setAttribute("aria-pressed", String(chart.only === id));
    list.children[at].classList.toggle("live-chart-faded", Boolean(chart.only) && chart.only !== id);
  });
}
