// SPDX-License-Identifier: Apache-2.0
// The scatter plot: two objectives against each other, coloured by a parameter, with the front of the two as a line.
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const container = document.getElementById("chart");
  const selects = { x: document.getElementById("axis-x"), y: document.getElementById("axis-y"),
                    color: document.getElementById("color") };
  const tableRows = new Map(Array.from(document.querySelectorAll("#results tbody tr"))
      .map((row) => [Number(row.dataset.row), row]));
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const heading = (c) => data.columns[c].name + (data.columns[c].unit ? " [" + data.columns[c].unit + "]" : "");

  function fill(select, columns, chosen) {
    for (const column of columns) select.add(new Option(data.columns[column].name, column));
    select.value = chosen;
    select.addEventListener("change", draw);
  }
  const objectives = data.objectives.map((objective) => objective.column);
  fill(selects.x, objectives, objectives[0]);
  fill(selects.y, objectives, objectives[1]);
  fill(selects.color, data.parameters, data.parameters[0]);
  const goal = (column) => data.objectives.find((objective) => objective.column === column).goal;

  // The lower-left staircase after turning both axes to "less is better", one of every competition.
  function fronts(points, x, y) {
    const sx = goal(x) === "maximize" ? -1 : 1, sy = goal(y) === "maximize" ? -1 : 1;
    const best = new Map();
    return points.slice().sort((a, b) => sx * (a.x - b.x) || sy * (a.y - b.y)).filter((point) => {
      const leads = !best.has(point.competition) || sy * point.y < best.get(point.competition);
      if (leads) best.set(point.competition, sy * point.y);
      return leads;
    });
  }
  // A logarithmic axis where the values span more than one and a half decades.
  function scaleType(points, axis) {
    const values = points.map((point) => point[axis]);
    const low = Math.min(...values), high = Math.max(...values);
    return low > 0 && high / low > 30 ? "log" : "linear";
  }
  const direction = (column) => goal(column) === "maximize" ? "  (more is better)" : "  (less is better)";

  function specification(points, x, y, color) {
    const style = getComputedStyle(document.documentElement);
    const css = (name) => style.getPropertyValue(name).trim();
    const labels = [...new Set(data.rows.map((row) => String(row[color])))];
    const palette = css("--series").split(" ");
    // Beside the plot if there is room for both, else below it, in as many columns as fit.
    const width = container.clientWidth, longest = Math.max(...labels.map((label) => label.length)) * 7 + 40;
    const below = width < 760 || longest > 240;
    const columns = below ? Math.max(1, Math.floor(width / longest)) : Math.ceil(labels.length / 20);
    const legendHeight = below ? 18 * Math.ceil(labels.length / columns) + 40 : 0;
    const axis = { labelColor: css("--muted"), titleColor: css("--text"), domainColor: css("--line"),
                   tickColor: css("--line"), gridColor: css("--line"), grid: true, gridOpacity: 0.7, labelFontSize: 12,
                   titleFontSize: 13, titleFontWeight: 600, titlePadding: 10, labelFlush: true, labelOverlap: true };
    const scale = (name, range) => {
      const type = scaleType(points, name);
      const value = points[0][name];
      // Around the only value there is, so that ticks beside it tell it.
      const around = Math.abs(value) * 0.05 || 1;
      const domain = points.every((point) => point[name] === value) ? [value - around, value + around]
          : { data: "points", field: name };
      return { name, type, range, domain, nice: type === "linear", zero: false, padding: 14 };
    };
    return {
      width, height: 430 + legendHeight, padding: 4, autosize: { type: "fit", contains: "padding" },
      background: "transparent", config: { axis: { labelFont: "inherit" }, text: { font: "sans-serif" } },
      data: [{ name: "points", values: points }, { name: "fronts", values: fronts(points, x, y) }],
      scales: [
        scale("x", "width"), scale("y", "height"),
        { name: "color", type: "ordinal", domain: labels,
          range: labels.length <= palette.length ? palette : { scheme: "viridis", count: labels.length } },
      ],
      axes: [{ ...axis, orient: "bottom", scale: "x", tickCount: 8, title: heading(x) + direction(x) },
             { ...axis, orient: "left", scale: "y", tickCount: 7, title: heading(y) + direction(y) }],
      legends: [{ fill: "color", title: data.columns[color].name, labelColor: css("--text"), titleColor: css("--text"),
                  labelFontSize: 12, titleFontSize: 12, symbolSize: 90, symbolType: "circle",
                  orient: below ? "bottom" : "right", labelLimit: Math.min(width - 110, 600), columns }],
      marks: [
        { type: "group", from: { facet: { name: "front", data: "fronts", groupby: "competition" } }, marks: [
          { type: "line", from: { data: "front" }, encode: { update: {
            x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" }, stroke: { value: css("--muted") },
            strokeWidth: { value: 1.5 }, strokeDash: { value: [5, 4] } } } }] },
        { type: "symbol", from: { data: "points" }, encode: {
          enter: { tooltip: { signal: "datum" } },
          update: { x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" },
                    fill: { scale: "color", field: "color" }, size: { signal: "datum.pareto ? 130 : 60" },
                    opacity: { signal: "datum.pareto ? 1 : 0.7" }, zindex: { signal: "datum.pareto ? 1 : 0" },
                    stroke: { signal: "datum.pareto ? '" + css("--text") + "' : '" + css("--card") + "'" },
                    strokeWidth: { value: 1.2 } },
          hover: { size: { value: 200 }, opacity: { value: 1 }, zindex: { value: 2 } } } },
      ],
    };
  }

  const tooltip = document.createElement("div");
  tooltip.id = "tooltip";
  tooltip.hidden = true;
  document.body.append(tooltip);
  const format = (cell) => cell === null ? "-"
      : typeof cell === "number" && !Number.isInteger(cell) ? String(Number(cell.toPrecision(5))) : String(cell);
  function showTooltip(handler, event, item, datum) {
    tableRows.forEach((row) => row.classList.remove("hovered"));
    tooltip.hidden = !datum;
    if (!datum) return;
    tableRows.get(datum.row).classList.add("hovered");
    const list = document.createElement("dl");
    const add = (name, text) => {
      list.append(Object.assign(document.createElement("dt"), { textContent: name }),
                  Object.assign(document.createElement("dd"), { textContent: text }));
    };
    data.columns.forEach((column, c) => add(heading(c), format(data.rows[datum.row][c])));
    if (datum.pareto) add("Pareto front", "yes");
    tooltip.replaceChildren(list);
    const right = event.clientX + 16 + tooltip.offsetWidth > window.innerWidth;
    tooltip.style.left = (right ? event.clientX - 16 - tooltip.offsetWidth : event.clientX + 16) + "px";
    tooltip.style.top = Math.max(4, Math.min(event.clientY + 12, window.innerHeight - tooltip.offsetHeight - 4)) + "px";
  }

  let view = null;
  function draw() {
    const x = Number(selects.x.value), y = Number(selects.y.value), color = Number(selects.color.value);
    const points = data.rows.map((cells, row) => ({ row, x: cells[x], y: cells[y], color: String(cells[color]),
                                                    pareto: data.pareto[row], competition: data.competition[row] }))
        .filter((point) => data.status[point.row] === "ok" && typeof point.x === "number" &&
                           typeof point.y === "number" && !tableRows.get(point.row).hidden);
    if (view) view.finalize();
    view = null;
    tooltip.hidden = true;
    container.parentElement.classList.toggle("empty", points.length === 0);
    if (points.length === 0) {
      const without = data.status.filter((status) => status !== "ok").length;
      container.textContent = "No point to show: " + without + " of " + data.rows.length +
          " do not fit or failed" + (without < data.rows.length ? ", and the others are filtered out or lack a figure." : ".");
      return;
    }
    container.textContent = "";
    view = new vega.View(vega.parse(specification(points, x, y, color)),
                         { renderer: "svg", container, hover: true, tooltip: showTooltip });
    view.runAsync();
  }
  draw();
  document.addEventListener("rowsfiltered", draw);
  dark.addEventListener("change", draw);
  let pending = 0;
  window.addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(draw, 120); });
})();
