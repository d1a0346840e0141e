/* Charts: the treemap, a heat map by groups. Loaded when a page has one; needs chart-builders.js and its own plugin. */
(function () {
  "use strict";
  const { format } = window.holdfast;
  const { BUILDERS, write, showTip } = window.holdfast.chartKit;
  /** A change of this much (a fraction) has the full colour. */
  const FULL = 0.03;

  function channels(colour) {
    const digits = colour.replace("#", "");
    return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
  }

  /** From the colour of no movement towards that of a rise or a fall, in steps one can tell apart. */
  function shade(change, colours) {
    const depth = Math.min(1, Math.abs(change) / FULL);
    const from = channels(colours.still);
    const to = channels(change < 0 ? colours.loss : colours.gain);
    const part = change === 0 ? 0 : 0.25 + 0.75 * depth;
    return from.map((value, at) => Math.round(value + (to[at] - value) * part));
  }

  /** Black or white, whichever reads better on a colour. */
  function inkOn([red, green, blue]) {
    const light = [red, green, blue].map((value) => ((value / 255) <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.179 ? "#000000" : "#ffffff";
  }

  const percent = (change) => (change === null || change === undefined ? "" : format(change, "percent", "", { sign: "always" }));

  function treemap(state, data, colours) {
    const grouped = data.grouped && new Set(data.cells.map((cell) => cell.group)).size > 1;
    const tree = data.cells.map((cell) => ({ ...cell, size: Math.max(0, Number(cell.value)) }));
    // With groups a cell holds what was added up in it; ours holds one.
    const cellOf = (raw) => (raw && (grouped ? raw.l === 1 && raw._data.children?.[0] : raw._data)) || null;
    const changeOf = (context) => Number(cellOf(context.raw)?.change || 0);
    const paint = (context) => (context.type === "data" && cellOf(context.raw) ? shade(changeOf(context), colours) : null);
    return {
      type: "treemap",
      data: { datasets: [{
        label: state.figure.dataset.title, tree, key: "size", groups: grouped ? ["group", "label"] : undefined, spacing: grouped ? 0.5 : 1, borderWidth: grouped ? 1 : 0, borderColor: colours.surface, borderRadius: 2,
        backgroundColor: (context) => { const rgb = paint(context); return rgb ? "rgb(" + rgb.join(" ") + ")" : colours.surface; },
        captions: { display: grouped, align: "left", color: colours.ink2, hoverColor: colours.ink2, font: { size: 11, weight: "600" }, padding: 3, formatter: (context) => context.raw._data?.label || "" },
        labels: {
          display: true, overflow: "fit", padding: 2,
          color: (context) => { const rgb = paint(context); return rgb ? inkOn(rgb) : colours.ink; },
          hoverColor: (context) => { const rgb = paint(context); return rgb ? inkOn(rgb) : colours.ink; },
          font: (context) => { const area = Math.sqrt((context.raw?.w || 0) * (context.raw?.h || 0)); return [{ size: Math.max(9, Math.min(16, area / 6)), weight: "600" }, { size: Math.max(9, Math.min(13, area / 8)) }]; },
          // What could not be read is left to the tip and the table.
          formatter: function (context) { const cell = cellOf(context.raw); const { w, h } = context.raw; if (!cell || w < 30 || h < 16) return ""; return h < 32 || w < 44 ? cell.label : [cell.label, percent(cell.change)]; },
        },
      }] },
      options: {
        onClick: function (event, items, chart) { const cell = items.map((item) => cellOf(chart.data.datasets[0].data[item.index])).find(Boolean); if (cell?.url) window.location.assign(cell.url); },
        onHover: (event, items) => { event.native.target.style.cursor = items.length ? "pointer" : ""; },
        plugins: { legend: { display: false }, tooltip: { enabled: false, external: function ({ tooltip }) {
          const cell = (tooltip.dataPoints || []).map((point) => cellOf(point.raw)).find(Boolean);
          if (!cell) return showTip(state, { opacity: 0 });
          return showTip(state, tooltip, cell.label, [{ name: data.value_label || "Value", value: write(data, cell.value, { notation: "compact", maximumFractionDigits: 1 }) }, { name: "Change", value: percent(cell.change) || "\u2013" }], cell.name ? [cell.name] : []);
        } } },
      },
    };
  }

  BUILDERS.treemap = treemap;
})();
