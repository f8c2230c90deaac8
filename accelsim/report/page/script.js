// Draws the charts in the colours of the page's theme.
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
    layout.font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("ink") };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: colour("raised"), bordercolor: colour("muted"),
      font: { color: colour("ink"), size: 12 } };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("grid"), activecolor: colour("muted") };
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
    Plotly.react(target, spec.data, spec.layout, { responsive: true, displaylogo: false, 
      // On a narrow chart the buttons would cover its legend; a double click still resets the view.
      displayModeBar: target.clientWidth > 700 ? "hover" : false,
      modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
    drawn.add(chart);
  }

  // All before the page counts as loaded, so that a print or a screenshot is whole; folded ones when they are opened.
  [...document.querySelectorAll(".chart")].filter((chart) => !chart.closest("details:not([open])")).forEach(draw);
  for (const details of document.querySelectorAll("details")) {
    details.addEventListener("toggle", () => {
      if (details.open) details.querySelectorAll(".chart").forEach((chart) => drawn.has(chart) || draw(chart));
    });
  }
  dark.addEventListener("change", () => drawn.forEach(draw));
})();
