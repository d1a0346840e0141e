/* Charts: the same figures as rows, for those who read rather than look. */
(function () {
  "use strict";
  const { format, formatDate } = window.holdfast;
  const isDay = (label) => /^\d{4}-\d{2}-\d{2}$/.test(label || "");

  function priceTable(data, text) {
    const lines = [...data.overlays.map((line) => [line, text]), ...data.panes.flatMap((pane) => pane.series.map((line) => [line, (value) => format(value, "number", "", { maximumFractionDigits: 2 })]))];
    const figures = data.bars ? [["Open", (i) => data.bars[i].open], ["High", (i) => data.bars[i].high], ["Low", (i) => data.bars[i].low], ["Close", (i) => data.bars[i].close]] : [["Close", (i) => data.series[0].values[i]]];
    const volume = (i) => (data.bars ? data.bars[i].volume : data.volume?.values[i]);
    const labels = data.labels || (data.bars || []).map((bar) => bar.at);
    const head = [{ week: "Week to", month: "Month to", quarter: "Quarter to", year: "Year to" }[data.period] || (isDay(labels[0]) ? "Day" : "Time"), ...figures.map(([name]) => name), ...(data.bars || data.volume ? [data.volume?.label || "Volume"] : []), ...lines.map(([line]) => line.label)];
    const rows = labels.map((label, i) => [formatDate(label), ...figures.map(([, at]) => text(at(i))), ...(data.bars || data.volume ? [format(volume(i), "number", "", { maximumFractionDigits: 0 })] : []), ...lines.map(([line, say]) => say(line.values[i]))]);
    return { money: false, head, rows: rows.reverse() };
  }

  /** The same figures as rows; newest first where they follow time. */
  window.holdfast.tableOf = function (data) {
    const kind = data.kind;
    const money = data.unit === "money";
    const text = (value, extra) => format(value, data.unit, data.currency, extra);
    if (kind === "price") return priceTable(data, text);
    if (data.cells) return { money, head: ["Name", data.value_label || "Value", "Change"], rows: data.cells.map((cell) => [cell.name ? cell.label + " · " + cell.name : cell.label, text(cell.value), format(cell.change, "percent", "", { sign: "always" })]) };
    const timed = kind === "line" || kind === "area";
    const rows = (data.labels || []).map((label, index) => [timed ? formatDate(label) : label, ...(data.series || []).map((series) => text(series.values[index]))]);
    return { money, head: [timed ? "Day" : "Name", ...(data.series || []).map((series) => series.label)], rows: timed ? rows.reverse() : rows };
  };
})();
