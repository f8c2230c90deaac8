// Draws each chart when it comes near the view, in the colours of the page's theme.
(() => {
  const drawings = { ink: "#1f2328", muted: "#6a737e", grid: "#d9dde3" };
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const drawn = new Set();

  function themed(text) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue("--" + name).trim();
    for (const [name, placeholder] of Object.entries(drawings)) text = text.replaceAll(placeholder, colour(name));
    const spec = JSON.parse(text);
    const layout = spec.layout;
    layout.paper_bgcolor = layout.plot_bgcolor = "rgba(0,0,0,0)";
    layout.font = { family: style.getPropertyValue("font-family") || "sans-serif", size: 12, color: colour("ink") };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("raised"), bordercolor: colour("muted"),
      font: { color: colour("ink"), size: 12 } };
    if (layout.title) layout.title.font = { size: 14 };
    for (const key of Object.keys(layout)) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      layout[key] = { gridcolor: colour("grid"), linecolor: colour("muted"), zeroline: false, automargin: true,
        showline: true, ...layout[key] };
    }
    return spec;
  }

  function draw(chart) {
    const spec = themed(chart.querySelector("script").textContent);
    let target = chart.querySelector(".plot");
    if (!target) chart.append(target = Object.assign(document.createElement("div"), { className: "plot" }));
    Plotly.react(target, spec.data, spec.layout, { responsive: true, displaylogo: false, displayModeBar: "hover",
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
    drawn.add(chart);
  }

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { seen.unobserve(entry.target); draw(entry.target); }
  }, { rootMargin: "600px" });
  for (const chart of document.querySelectorAll(".chart")) seen.observe(chart);
  dark.addEventListener("change", () => drawn.forEach(draw));
  window.addEventListener("beforeprint", () => document.querySelectorAll(".chart").forEach(draw));
})();
