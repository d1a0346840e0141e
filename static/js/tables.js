/* Tables: rows that open their link, arrow keys, sorting and filtering of what is on the page. */
(function () {
  "use strict";
  const { enhance, announce } = window.holdfast;

  enhance("table[data-rows], table:has([data-row-link])", function (table) {
    table.addEventListener("click", function (event) {
      if (event.target.closest("a, button, input, label, select, summary") || String(window.getSelection())) return;
      const link = event.target.closest("tr")?.querySelector("[data-row-link]");
      if (!link) return;
      if (event.metaKey || event.ctrlKey) window.open(link.href, "_blank", "noopener");
      else link.click();
    });
    table.addEventListener("keydown", function (event) {
      if (!["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key) || !event.target.matches("[data-row-link]")) return;
      const links = Array.from(table.querySelectorAll("tbody tr:not([hidden]) [data-row-link]"));
      const at = links.indexOf(event.target);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[event.key];
      if (links[to]) {
        event.preventDefault();
        links[to].focus();
      }
    });
  });

  function cellValue(row, index) {
    const cell = row.children[index];
    if (!cell) return "";
    const text = cell.dataset.sortValue ?? cell.textContent.trim();
    const number = Number(text);
    return text !== "" && Number.isFinite(number) ? number : text.toLowerCase();
  }

  enhance("table[data-sortable]", function (table) {
    const heads = Array.from(table.tHead?.rows[0]?.cells || []);
    heads.forEach(function (head, index) {
      if (head.querySelector("a, button") || !head.textContent.trim() || head.dataset.sort === "no") return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "hf-sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", function () {
        const first = head.classList.contains("num") ? "descending" : "ascending";
        const other = first === "ascending" ? "descending" : "ascending";
        const order = head.getAttribute("aria-sort") === first ? other : first;
        heads.forEach((cell) => cell.hasAttribute("aria-sort") && cell.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", order);
        const body = table.tBodies[0];
        const way = order === "ascending" ? 1 : -1;
        const rows = Array.from(body.rows).map((row, place) => ({ row, place, value: cellValue(row, index) }));
        rows.sort(function (a, b) {
          if (typeof a.value !== typeof b.value) return typeof a.value === "number" ? -1 : 1;
          return (a.value > b.value ? way : a.value < b.value ? -way : 0) || a.place - b.place;
        });
        body.append(...rows.map((entry) => entry.row));
        announce("Sorted by " + button.textContent.trim() + ", " + order);
      });
    });
  });

  enhance("table[data-filter]", function (table) {
    const input = document.querySelector(table.dataset.filter);
    if (!input) return;
    input.addEventListener("input", function () {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      Array.from(table.tBodies[0].rows).forEach(function (row) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        if (!row.hidden) shown += 1;
      });
      announce(shown === 1 ? "1 row" : shown + " rows");
    });
  });
})();
