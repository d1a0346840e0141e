// Holdfast: the totals under live positions follow their rows. The cells themselves are painted by socket.js; a total is the
// sum of what its table shows of the same field, in the table's own currency.
(function () {
  "use strict";
  const { format } = window.holdfast;

  function sum(table, field, currency) {
    let total = 0;
    for (const cell of table.querySelectorAll(`tbody [data-field="${field}"][data-total="${currency}"]`)) {
      const value = Number(cell.dataset.value ?? cell.dataset.known);
      if (!Number.isFinite(value)) return null;
      total += value;
    }
    return total;
  }

  function write(cell, table) {
    const { sumOf, totalField, currency } = cell.dataset;
    const total = sum(table, sumOf, currency + ":" + totalField);
    if (total === null) return;
    const signed = sumOf !== "value";
    const text = format(String(total), "money", currency, signed ? { sign: "always" } : undefined);
    if (signed) {
      const way = text.startsWith("+") ? "is-gain" : text.startsWith("\u2212") ? "is-loss" : "is-flat";
      const inner = cell.querySelector(".is-gain, .is-loss, .is-flat");
      if (inner) inner.className = way;
    }
    (cell.querySelector(".amount-value") || cell).textContent = text;
  }

  document.body.addEventListener("hf:quote", function () {
    document.querySelectorAll("[data-live-totals]").forEach(function (table) {
      table.querySelectorAll("[data-sum-of]").forEach((cell) => write(cell, table));
    });
  });
})();
