// The legend under a chart: a sample and words an entry.

function showLegend(chart, entries) {
  const items = entries.map(({ colour, edge, text }) => {
    const item = document.createElement("li");
    const sample = document.createElement("span");
    if (colour) {
      sample.style.background = colour;
      sample.style.borderColor = edge;
    } else {
      sample.className = "live-chart-striped";
    }
    item.append(sample, text);
    return item;
  });
  chart.host.nextElementSibling.replaceChildren(...items);
}
