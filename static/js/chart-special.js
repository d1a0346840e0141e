/* Charts: candles with volume and markers, and the treemap. Loaded when a page has one; needs chart-builders.js. */
(function () {
  "use strict";
  const { format, formatDate } = window.holdfast;
  const { BUILDERS, write, toNumber, toTime, showTip, crosshair, timeAxis, valueAxis, markers, markerSet } = window.holdfast.chartKit;

  // ---- Candles ----

  function candles(state, data, colours) {
    const bars = data.bars.map((item) => ({ x: toTime(item.at), o: toNumber(item.open), h: toNumber(item.high), l: toNumber(item.low), c: toNumber(item.close), v: toNumber(item.volume) }));
    const lookup = new Map(data.bars.map((item, index) => [item.at.slice(0, 10), bars[index]]));
    const sets = [{ label: "Price", data: bars, backgroundColors: { up: colours.gain, down: colours.loss, unchanged: colours.ink3 }, borderColors: { up: colours.gain, down: colours.loss, unchanged: colours.ink3 } }];
    const volumes = bars.some((item) => item.v > 0);
    if (volumes) sets.push({ type: "bar", label: "Volume", yAxisID: "volume", data: bars.map((item) => ({ x: item.x, y: item.v })), backgroundColor: bars.map((item) => (item.c < item.o ? colours.loss : colours.gain) + "40"), order: 5 });
    const marks = markers(data, colours, function (when) { const item = lookup.get(String(when).slice(0, 10)); return item ? item.l * 0.995 : NaN; });
    if (marks.length) sets.push(markerSet(marks, colours));
    const lines = {};
    (data.lines || []).forEach(function (item, index) {
      lines["line" + index] = { type: "line", yMin: Number(item.value), yMax: Number(item.value), borderColor: colours.series[1], borderWidth: 1.25, borderDash: [5, 4], label: { display: true, content: item.label, position: "start", yAdjust: 9, backgroundColor: "transparent", color: colours.ink2, font: { size: 11 }, padding: 2 } };
    });
    return {
      type: "candlestick",
      data: { datasets: sets },
      options: {
        parsing: false,
        interaction: { mode: "index", intersect: false, axis: "x" },
        scales: {
          x: { ...timeAxis(data, colours), type: "timeseries", offset: true },
          y: valueAxis(data, colours, { grace: "5%" }),
          ...(volumes ? { volume: { display: false, beginAtZero: true, max: Math.max(...bars.map((item) => item.v || 0)) * 5 } } : {}),
        },
        plugins: {
          legend: { display: false },
          annotation: { annotations: lines },
          hfCrosshair: { colour: colours.line, fill: colours.fill, span: null },
          zoom: { pan: { enabled: true, mode: "x", modifierKey: "shift" }, zoom: { wheel: { enabled: true, modifierKey: "ctrl" }, pinch: { enabled: true }, mode: "x" }, limits: { x: { min: "original", max: "original" } } },
          tooltip: {
            enabled: false,
            external: function ({ tooltip }) {
              const point = (tooltip.dataPoints || []).find((entry) => entry.dataset.label === "Price");
              if (!point) return showTip(state, { opacity: 0 });
              const item = bars[point.dataIndex];
              const rows = [["Open", item.o], ["High", item.h], ["Low", item.l], ["Close", item.c]].map(([name, value]) => ({ name, value: write(data, value) }));
              if (item.v > 0) rows.push({ name: "Volume", value: format(item.v, "number", "", { notation: "compact", maximumFractionDigits: 1 }) });
              const iso = data.bars[point.dataIndex].at;
              return showTip(state, tooltip, formatDate(iso), rows, (data.markers || []).filter((marker) => marker.at.slice(0, 10) === iso.slice(0, 10)).map((marker) => marker.label));
            },
          },
        },
      },
      plugins: [crosshair],
    };
  }

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

  Object.assign(BUILDERS, { candles, treemap });
})();
