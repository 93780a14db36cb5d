// SPDX-License-Identifier: Apache-2.0
// The table is complete without this script; here it learns to sort and to filter.
(function () {
  "use strict";
  const body = document.querySelector("#results tbody");
  const rows = Array.from(body.rows);
  // As shown, each cell by itself; statuses also as they stand in CSV.
  const texts = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent.toLowerCase()).join("\n"))
      .map((text) => text + (text.includes("does not fit") ? "\ndoes_not_fit" : ""));
  const filter = document.getElementById("filter");
  const shown = document.getElementById("shown");
  document.getElementById("filter-label").hidden = false;

  function value(row, column) {
    const cell = row.cells[column];
    if (cell.dataset.value === undefined) return cell.textContent;
    return cell.dataset.value === "" ? null : Number(cell.dataset.value);
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    return String(a).localeCompare(String(b), undefined, { numeric: true });
  }
  document.querySelectorAll("#results th button").forEach((button) => {
    button.addEventListener("click", () => {
      const header = button.closest("th");
      const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
      document.querySelectorAll("#results th").forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", direction);
      const sign = direction === "ascending" ? 1 : -1;
      const keyed = rows.map((row, order) => ({ row, order, key: value(row, header.cellIndex) }));
      keyed.sort((a, b) => {
        // What has no value stands last in either direction; equal rows keep the order of the study.
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.order - b.order;
        return sign * compare(a.key, b.key) || a.order - b.order;
      });
      body.append(...keyed.map((item) => item.row));
    });
  });
  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      if (!row.hidden) ++count;
    });
    shown.textContent = words.length ? count + " of " + rows.length + " rows" : "";
    document.dispatchEvent(new Event("rowsfiltered"));
  }
  filter.addEventListener("input", apply);
})();
