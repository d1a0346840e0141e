/* Charts: the treemap. Loaded when a page has one; needs chart-builders.js and its own plugin. */
(function () {
  "use strict";
  const { format } = window.holdfast;
  const { BUILDERS, write, showTip } = window.holdfast.chartKit;

  // ---- Treemap ----

  function treemap(state, data, colours) {
    const tree = data.cells.map((cell) => ({ ...cell, size: Math.max(0, Number(cell.value)) }));
    const mix = (change) => (change > 0 ? colours.gain : change < 0 ? colours.loss : colours.ink3);
    return {
      type: "treemap",
      data: { datasets: [{ label: state.figure.dataset.title, tree, key: "size", spacing: 1, borderWidth: 0, borderRadius: 3,
        backgroundColor: (context) => (context.type === "data" ? mix(Number(context.raw?._data.change || 0)) + (Math.abs(Number(context.raw?._data.change || 0)) > 0.02 ? "ff" : "d0") : "transparent"),
        labels: { display: true, color: colours.on, overflow: "hidden", font: [{ size: 13, weight: "600" }, { size: 11 }], formatter: (context) => [context.raw._data.label, context.raw._data.change ? format(context.raw._data.change, "percent", "", { sign: "always" }) : ""] } }] },
      options: {
        onClick: function (event, items, chart) { const raw = items[0] && chart.data.datasets[0].data[items[0].index]; if (raw?._data.url) window.location.assign(raw._data.url); },
        onHover: (event, items) => { event.native.target.style.cursor = items.length ? "pointer" : ""; },
        plugins: { legend: { display: false }, tooltip: { enabled: false, external: function ({ tooltip }) {
          const cell = tooltip.dataPoints?.[0]?.raw?._data;
          if (!cell) return showTip(state, { opacity: 0 });
          return showTip(state, tooltip, cell.label, [{ name: "Value", value: write(data, cell.value) }, { name: "Change", value: format(cell.change, "percent", "", { sign: "always" }) }]);
        } } },
      },
    };
  }

  BUILDERS.treemap = treemap;
})();
