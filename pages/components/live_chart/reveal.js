// What a click opens lies below the chart, maybe out of sight: it is brought into view once it is there.

const REVEAL_MS = 5000; // the server may be slow to open it

function click(chart, what) {
  chart.trigger("clicked", what);
  const until = performance.now() + REVEAL_MS;
  const before = document.querySelector(".st-key-{{DETAILS_PANEL}}")?.textContent;
  const look = () => {
    const panel = document.querySelector(".st-key-{{DETAILS_PANEL}}");
    if (panel && panel.textContent !== before) panel.scrollIntoView({ block: "nearest", behavior: "smooth" });
    else if (performance.now() < until && !chart.ended) requestAnimationFrame(look);
  };
  look();
}
