/* Charts: the price of an instrument as a line or candles, with volume, indicators, strips under it, marks, and the last
   point moving with the market. Loaded when a page has one; needs chart-builders.js and the financial plugin. */
(function () {
  "use strict";
  const { format, formatDate } = window.holdfast;
  const { BUILDERS, write, toNumber, toTime, hidden, showTip, crosshair, selectSpan, timeAxis, valueAxis, markerSet, MARKS } = window.holdfast.chartKit;
  const DAY = 86400000;
  const compact = { notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: 1 };

  /** What is drawn at each place: instants, and the candle or close there. */
  function pointsOf(data) {
    if (data.bars) {
      const bars = data.bars.map((bar) => ({ x: toTime(bar.at), o: toNumber(bar.open), h: toNumber(bar.high), l: toNumber(bar.low), c: toNumber(bar.close), v: toNumber(bar.volume) }));
      return { labels: data.bars.map((bar) => bar.at), bars, volumes: bars.map((bar) => bar.v) };
    }
    const closes = data.series[0].values.map(toNumber);
    const bars = data.labels.map((label, index) => ({ x: toTime(label), y: closes[index], c: closes[index], l: closes[index], h: closes[index] }));
    return { labels: data.labels, bars, volumes: (data.volume?.values || []).map(toNumber) };
  }

  const at = (points, values) => points.bars.map((bar, index) => ({ x: bar.x, y: toNumber(values[index]) }));

  function priceSet(data, points, colours) {
    if (data.form === "candles") {
      const paint = { up: colours.gain, down: colours.loss, unchanged: colours.ink3 };
      return { label: "Price", yAxisID: "y", data: points.bars, parsing: false, backgroundColors: paint, borderColors: paint, order: 3 };
    }
    return {
      type: "line", label: "Price", yAxisID: "y", data: points.bars, parsing: false, borderColor: colours.series[0], backgroundColor: colours.fill, fill: "start",
      borderWidth: 1.75, pointRadius: points.bars.length === 1 ? 3 : 0, pointHoverRadius: 4, pointHoverBackgroundColor: colours.series[0], borderJoinStyle: "round", order: 3,
    };
  }

  function volumeSet(data, points, colours) {
    let before = NaN;
    const paint = points.bars.map(function (bar) {
      const fell = Number.isFinite(bar.o) ? bar.c < bar.o : bar.c < before;
      before = bar.c;
      return (fell ? colours.loss : colours.gain) + "40";
    });
    return { type: "bar", label: data.volume?.label || "Volume", yAxisID: "volume", parsing: false, data: at(points, points.volumes), backgroundColor: paint, order: 5, barPercentage: 0.9, categoryPercentage: 0.9 };
  }

  function overlaySets(data, points, colours, offset) {
    const sets = [];
    data.overlays.forEach(function (overlay, index) {
      const band = overlay.style === "band";
      const colour = band ? colours.ink3 : colours.series[1 + (index % 7)];
      const set = { type: "line", label: overlay.label, yAxisID: "y", data: at(points, overlay.values), parsing: false, borderColor: colour, borderWidth: band ? 1 : 1.4, borderDash: band ? [2, 3] : [], pointRadius: 0, pointHoverRadius: 0, fill: false, order: 2 };
      // The upper band is filled down to the lower one, two sets further on.
      if (overlay.key === "bollinger-upper") {
        set.fill = { target: offset + index + 2 };
        set.backgroundColor = colours.fill;
      }
      sets.push(set);
    });
    return sets;
  }

  function paneSets(data, points, colours) {
    return data.panes.flatMap((pane) => pane.series.map(function (series, index) {
      const values = at(points, series.values);
      const base = { label: series.label, yAxisID: pane.key, data: values, parsing: false, order: 4 };
      if (series.style === "bar") return { ...base, type: "bar", backgroundColor: values.map((point) => (point.y < 0 ? colours.loss : colours.gain) + "80"), barPercentage: 0.9, categoryPercentage: 0.9, order: 6 };
      const colour = colours.series[(pane.key === "rsi" ? 3 : index - 1) % 8];
      return { ...base, type: "line", borderColor: colour, borderWidth: 1.4, pointRadius: 0, pointHoverRadius: 0 };
    }));
  }

  // ---- Marks ----

  /** Buys and dividends stand under the price, sales above it; in privacy mode they do not say how much. */
  function marksOf(data, points, colours) {
    const places = new Map(points.labels.map((label, index) => [label, index]));
    const reach = Math.max(...points.bars.map((bar) => bar.h)) - Math.min(...points.bars.map((bar) => bar.l));
    const gap = (price) => (data.scale === "log" ? price * 0.05 : reach * 0.025);
    return data.markers.map(function (mark) {
      const bar = points.bars[places.get(mark.at)];
      if (!bar) return null;
      const [style, rotation, name] = MARKS[mark.kind] || MARKS.note;
      const fill = name === "series1" ? colours.series[1] : colours[name];
      const y = mark.kind === "sell" ? bar.h + gap(bar.h) : Math.max(bar.l - gap(bar.l), bar.l * 0.5);
      return { x: bar.x, y, style, rotation, fill, label: wordsOf(mark) };
    }).filter(Boolean);
  }

  function wordsOf(mark) {
    const words = hidden() && mark.cover ? mark.cover : mark.label;
    return mark.on ? words + ", " + formatDate(mark.on) : words;
  }

  // ---- Axes ----

  function axes(data, points, colours) {
    const intraday = !/^\d{4}-\d{2}-\d{2}$/.test(points.labels[0] || "");
    const known = points.volumes.filter((value) => value > 0);
    // Days that were left out of a long line have no width; a true time axis keeps the distances.
    const closed = data.form === "candles" || intraday;
    // Stacked axes are laid out from above in the order they are named: the price first.
    const strips = Object.fromEntries(data.panes.map((pane) => [pane.key, {
      ...valueAxis({ unit: "number" }, colours, { stack: "price", stackWeight: 1 }),
      min: pane.min === undefined ? undefined : Number(pane.min), max: pane.max === undefined ? undefined : Number(pane.max),
      grace: pane.min === undefined ? "12%" : 0,
      grid: { display: false },
      ticks: { color: colours.ink3, padding: 8, callback: (value) => format(value, "number", "", { ...compact, maximumFractionDigits: 2 }) },
      // A figure at each level; at the edges it would run into the strip beside it.
      afterBuildTicks: (axis) => { axis.ticks = pane.levels.map((level) => ({ value: Number(level) })); },
    }]));
    // Room below a price that is near nothing would be less than nothing.
    const lowest = Math.min(...points.bars.map((bar) => bar.l));
    const reach = Math.max(...points.bars.map((bar) => bar.h)) - lowest;
    const floor = data.scale !== "log" && lowest >= 0 && lowest < reach * 0.15 ? { min: 0 } : {};
    const axis = timeAxis({ labels: points.labels.slice(0, 1) }, colours);
    if (intraday) {
      const severalDays = points.bars[points.bars.length - 1].x - points.bars[0].x > 1.5 * DAY;
      Object.assign(axis.time.displayFormats, severalDays ? { minute: "d LLL HH:mm", hour: "d LLL HH:mm" } : {});
    }
    // Candles of a year or two in a narrow window: years alone would name the same one again and again.
    const days = (points.bars[points.bars.length - 1].x - points.bars[0].x) / DAY;
    if (closed && !intraday && days > 62 && days < 1100) axis.time.unit = "month";
    return {
      x: { ...axis, type: closed ? "timeseries" : "time", offset: data.form === "candles" },
      y: valueAxis(data, colours, {
        ...floor, stack: "price", stackWeight: 3.4, grace: data.scale === "log" ? 0 : "5%", type: data.scale === "log" ? "logarithmic" : "linear",
        afterBuildTicks: (axis) => { if (data.panes.length) axis.ticks = axis.ticks.filter((tick) => tick.value > axis.min); },
      }),
      ...(known.length ? { volume: volumeAxis(data, colours, Math.max(...known)) } : {}),
      ...strips,
    };
  }

  /** Volume stands at the foot of the price; with strips below it, in a strip of its own. */
  function volumeAxis(data, colours, most) {
    if (!data.panes.length) return { display: false, stack: "volume", beginAtZero: true, max: most * 5 };
    return { ...valueAxis({ unit: "number" }, colours, { stack: "price", stackWeight: 0.7, beginAtZero: true, grid: { display: false } }), max: most * 1.15, ticks: { display: false } };
  }

  function lines(data, points, colours) {
    const found = {};
    const lowest = Math.min(...points.bars.map((bar) => bar.l));
    const highest = Math.max(...points.bars.map((bar) => bar.h));
    const room = (highest - lowest) * 0.05;
    (data.lines || []).forEach(function (line, index) {
      // Beyond the prices shown it would run through the strips.
      const value = Number(line.value);
      if ((line.is_private && hidden()) || value < lowest - room || value > highest + room) return;
      found["line" + index] = { type: "line", adjustScaleRange: false, yScaleID: "y", yMin: Number(line.value), yMax: Number(line.value), borderColor: colours.series[1], borderWidth: 1.25, borderDash: [5, 4], label: { display: true, content: line.label + " " + write(data, line.value), position: "start", yAdjust: -9, backgroundColor: "transparent", color: colours.ink2, font: { size: 11 }, padding: 2 } };
    });
    data.panes.forEach((pane) => pane.levels.forEach(function (level, index) {
      found[pane.key + index] = { type: "line", adjustScaleRange: false, yScaleID: pane.key, yMin: Number(level), yMax: Number(level), borderColor: colours.line, borderWidth: 1, borderDash: [2, 3] };
    }));
    return found;
  }

  /** The name of each strip in its corner, and a rule above it. */
  const paneNames = {
    id: "hfPaneNames",
    afterDraw(chart, args, options) {
      const { ctx, chartArea: area } = chart;
      ctx.save();
      options.panes.forEach(function (pane) {
        const scale = chart.scales[pane.key];
        if (!scale) return;
        ctx.strokeStyle = options.line;
        ctx.beginPath();
        ctx.moveTo(area.left, scale.top);
        ctx.lineTo(area.right, scale.top);
        ctx.stroke();
        ctx.fillStyle = options.colour;
        ctx.font = "600 11px " + window.Chart.defaults.font.family;
        ctx.fillText(pane.label, area.left + 4, scale.top + 13);
      });
      ctx.restore();
    },
  };

  // ---- The chart ----

  function price(state, data, colours) {
    const points = pointsOf(data);
    const volumes = points.volumes.some((value) => value > 0);
    const sets = [priceSet(data, points, colours), ...overlaySets(data, points, colours, 1), ...paneSets(data, points, colours)];
    const marks = marksOf(data, points, colours);
    if (volumes) sets.push(volumeSet(data, points, colours));
    if (marks.length) sets.push({ ...markerSet(marks, colours), yAxisID: "y" });
    data.overlays.forEach((overlay, index) => { overlay.colour = sets[1 + index].borderColor; });
    data.legend = data.overlays.filter((overlay) => overlay.style !== "band").map((overlay) => ({ label: overlay.legend || overlay.label, colour: overlay.colour }));
    state.canvas.parentElement.dataset.panes = String(data.panes.length);
    return {
      type: data.form === "candles" ? "candlestick" : "line",
      data: { datasets: sets },
      options: {
        parsing: false,
        interaction: { mode: "index", intersect: false, axis: "x" },
        scales: axes(data, points, colours),
        plugins: {
          legend: { display: false },
          annotation: { annotations: lines(data, points, colours) },
          hfCrosshair: { colour: colours.line, fill: colours.span, span: { from: null, to: null } },
          hfPaneNames: { panes: data.panes.length && volumes ? [{ key: "volume", label: data.volume?.label || "Volume" }, ...data.panes] : data.panes, colour: colours.ink2, line: colours.grid },
          zoom: { pan: { enabled: true, mode: "x", modifierKey: "shift" }, zoom: { wheel: { enabled: true, modifierKey: "ctrl" }, pinch: { enabled: true }, mode: "x" }, limits: { x: { min: "original", max: "original" } } },
          tooltip: { enabled: false, external: ({ tooltip }) => tell(state, tooltip) },
        },
      },
      plugins: [crosshair, paneNames],
    };
  }

  function tell(state, tooltip) {
    const data = state.data;
    const point = (tooltip.dataPoints || []).find((entry) => entry.dataset.label === "Price");
    if (!point) return showTip(state, { opacity: 0 });
    const place = point.dataIndex;
    const bar = data.bars?.[place];
    const label = bar ? bar.at : data.labels[place];
    const rows = bar
      ? [["Open", bar.open], ["High", bar.high], ["Low", bar.low], ["Close", bar.close]].map(([name, value]) => ({ name, value: write(data, value) }))
      : [{ name: "Close", value: write(data, data.series[0].values[place]) }];
    const volume = bar ? bar.volume : data.volume?.values[place];
    if (volume) rows.push({ name: data.volume?.label || "Volume", value: format(volume, "number", "", compact) });
    data.overlays.forEach((overlay) => overlay.values[place] && rows.push({ name: overlay.label, value: write(data, overlay.values[place]), colour: overlay.colour }));
    data.panes.forEach((pane) => pane.series.forEach((series) => series.values[place] && rows.push({ name: series.label, value: format(series.values[place], "number", "", { maximumFractionDigits: 2 }) })));
    return showTip(state, tooltip, formatDate(label), rows, data.markers.filter((mark) => mark.at === label).map(wordsOf));
  }

  BUILDERS.price = function (state, data, colours) {
    const config = price(state, data, colours);
    state.afterDraw = () => selectSpan(state, { ...data, labels: data.labels || data.bars.map((bar) => bar.at) });
    return config;
  };

  // ---- The last point moves with the market, once a second at most ----

  const MINUTES = { "1min": 1, "5min": 5, "15min": 15, "60min": 60 };
  const waiting = new Map();
  let timer = 0;

  /** The label of the period that an instant falls into, as far as the chart has it. */
  function periodOf(data, instant) {
    const minutes = MINUTES[data.period];
    if (!minutes) return instant.slice(0, 10);
    return new Date(Math.floor(Date.parse(instant) / (minutes * 60000)) * minutes * 60000).toISOString().replace(".000Z", "Z");
  }

  function move(state, quote) {
    const data = state.data;
    const chart = state.chart;
    if (!chart || !data || quote.last === null) return;
    const labels = data.labels || data.bars.map((bar) => bar.at);
    const last = labels[labels.length - 1];
    const now = periodOf(data, quote.at);
    const longer = !MINUTES[data.period] && data.period !== "day";
    if (now < last && !longer) return;
    const price = toNumber(quote.last);
    const set = chart.data.datasets[0].data;
    if (now > last && !longer) {
      // A new day or minute: what is drawn beside the price has no figure for it until the chart is fetched again.
      if (MINUTES[data.period] || toTime(now) - toTime(last) < 7 * DAY) append(data, set, now, quote.last, price);
    } else if (data.bars) {
      const bar = data.bars[data.bars.length - 1];
      const drawn = set[set.length - 1];
      bar.close = quote.last;
      if (price > toNumber(bar.high)) bar.high = quote.last;
      if (price < toNumber(bar.low)) bar.low = quote.last;
      Object.assign(drawn, { c: price, h: toNumber(bar.high), l: toNumber(bar.low) });
    } else {
      data.series[0].values[labels.length - 1] = quote.last;
      Object.assign(set[set.length - 1], { y: price, c: price });
    }
    chart.update("none");
  }

  function append(data, set, label, text, price) {
    const x = toTime(label);
    if (data.bars) {
      data.bars.push({ at: label, open: text, high: text, low: text, close: text, volume: null });
      set.push({ x, o: price, h: price, l: price, c: price, v: NaN });
    } else {
      data.labels.push(label);
      data.series[0].values.push(text);
      set.push({ x, y: price, c: price });
    }
    [...data.overlays, ...data.panes.flatMap((pane) => pane.series)].forEach((line) => line.values.push(null));
    data.volume?.values.push(null);
  }

  document.body.addEventListener("hf:quote", function (event) {
    waiting.set(event.detail.id, event.detail);
    if (timer) return;
    timer = window.setTimeout(function () {
      timer = 0;
      document.querySelectorAll("figure[data-chart=price]").forEach(function (figure) {
        const state = figure.holdfastChart;
        const quote = waiting.get(state?.data?.live?.instrument);
        if (quote) move(state, quote);
      });
      waiting.clear();
    }, 1000);
  });
})();
