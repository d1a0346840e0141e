/* Charts: from our JSON (docs/frontend.md) to Chart.js. Decimals become numbers here, for drawing only. */
(function () {
  "use strict";
  const { format, formatDate } = window.holdfast;
  const Chart = window.Chart;
  Chart.defaults.animation = false;
  Chart.defaults.responsive = true;
  Chart.defaults.maintainAspectRatio = false;
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 11.5;

  // ---- Colours of the theme ----

  function palette() {
    const styles = getComputedStyle(document.documentElement);
    const get = (name) => styles.getPropertyValue("--hf-" + name).trim();
    return {
      series: [1, 2, 3, 4, 5, 6, 7, 8].map((n) => get("chart-" + n)),
      fill: get("chart-fill"), span: get("chart-span"), grid: get("chart-grid"), gain: get("chart-gain"), loss: get("chart-loss"),
      ink: get("ink"), ink2: get("ink-2"), ink3: get("ink-3"), on: get("chart-on"), still: get("chart-still"), surface: get("surface"), line: get("line-strong"),
    };
  }

  const hidden = () => document.documentElement.dataset.privacy === "on";

  /** Figures that belong to the person are covered in privacy mode, on axes and in tips. */
  function write(data, value, extra) {
    if (data.unit === "money" && hidden()) return "•••••";
    return format(value, data.unit, data.currency, extra);
  }

  function axisText(data) {
    return function (value, _index, ticks) {
      if (data.unit === "percent") return write(data, value, { minimumFractionDigits: 0, maximumFractionDigits: 1 });
      // Shortened only as far as neighbouring ticks still differ.
      const step = ticks?.length > 1 ? Math.abs(ticks[1].value - ticks[0].value) : Infinity;
      const unit = Math.abs(value) >= 1e9 ? 1e9 : Math.abs(value) >= 1e6 ? 1e6 : 1e3;
      const digits = Math.max(1, Math.ceil(-Math.log10(step / unit) - 1e-9));
      const big = Math.abs(value) >= 10000 && (step === Infinity || digits <= 2);
      return write(data, value, big ? { notation: "compact", minimumFractionDigits: 0, maximumFractionDigits: step === Infinity ? 1 : digits } : { minimumFractionDigits: 0, maximumFractionDigits: (Math.abs(value) >= 100 && step >= 1) || value === 0 ? 0 : 2 });
    };
  }

  const toNumber = (value) => (value === null || value === undefined ? NaN : Number(value));
  const toTime = (iso) => (/^\d{4}-\d{2}-\d{2}$/.test(iso) ? Date.parse(iso + "T00:00:00Z") : Date.parse(iso));
  const isDay = (data) => /^\d{4}-\d{2}-\d{2}$/.test((data.labels || (data.bars || []).map((bar) => bar.at))[0] || "");

  // ---- Tip: our own element, so that it is text and not pixels ----

  function tip(state) {
    let box = state.box.querySelector(".hf-chart-tip");
    if (!box) {
      box = document.createElement("div");
      box.className = "hf-chart-tip";
      box.setAttribute("aria-hidden", "true");
      state.box.append(box);
    }
    return box;
  }

  function showTip(state, model, title, lines, extra) {
    const box = tip(state);
    if (!model.opacity) return box.removeAttribute("data-on");
    const head = document.createElement("strong");
    head.textContent = title;
    const rows = lines.map(function (line) {
      const row = document.createElement("div");
      if (line.colour) {
        const key = document.createElement("span");
        key.className = "hf-key";
        key.style.color = line.colour;
        row.append(key);
      }
      const name = document.createElement("span");
      name.textContent = line.name;
      const value = document.createElement("span");
      value.textContent = line.value;
      row.append(name, value);
      return row;
    });
    const notes = (extra || []).map(function (text) {
      const note = document.createElement("em");
      note.textContent = text;
      return note;
    });
    box.replaceChildren(head, ...rows, ...notes);
    box.setAttribute("data-on", "");
    const width = state.box.clientWidth;
    const left = model.caretX + 14 + box.offsetWidth > width ? model.caretX - 14 - box.offsetWidth : model.caretX + 14;
    box.style.transform = "translate(" + Math.round(Math.max(0, left)) + "px, " + Math.round(Math.max(0, Math.min(model.caretY - box.offsetHeight / 2, state.box.clientHeight - box.offsetHeight))) + "px)";
    return undefined;
  }

  // ---- Crosshair and span selection ----

  const crosshair = {
    id: "hfCrosshair",
    afterDatasetsDraw(chart, args, options) {
      const span = options.span;
      const { ctx, chartArea: area } = chart;
      ctx.save();
      if (span && span.from !== null && span.to !== null) {
        ctx.fillStyle = options.fill;
        ctx.fillRect(Math.min(span.from, span.to), area.top, Math.abs(span.to - span.from), area.bottom - area.top);
      }
      const active = chart.tooltip?.opacity ? chart.tooltip.dataPoints?.[0] : null;
      if (active) {
        ctx.strokeStyle = options.colour;
        ctx.setLineDash([3, 3]);
        ctx.beginPath();
        ctx.moveTo(active.element.x, area.top);
        ctx.lineTo(active.element.x, area.bottom);
        ctx.stroke();
      }
      ctx.restore();
    },
  };

  function selectSpan(state, data) {
    const chart = state.chart;
    const canvas = state.canvas;
    const span = chart.options.plugins.hfCrosshair.span;
    let dragging = false;

    function indexAt(x) {
      const points = chart.getDatasetMeta(0).data;
      let best = 0;
      points.forEach((point, index) => { if (Math.abs(point.x - x) < Math.abs(points[best].x - x)) best = index; });
      return best;
    }

    function report() {
      const points = chart.data.datasets[0].data;
      const [a, b] = [indexAt(span.from), indexAt(span.to)].sort((x, y) => x - y);
      const start = points[a]?.y ?? points[a]?.c;
      const end = points[b]?.y ?? points[b]?.c;
      if (a === b || !Number.isFinite(start) || !Number.isFinite(end)) return;
      const dates = formatDate(data.labels[a]) + " to " + formatDate(data.labels[b]) + ": ";
      let words;
      if (data.unit === "percent") words = format((1 + end) / (1 + start) - 1, "percent", "", { sign: "always" });
      else words = write(data, end - start, { sign: "always" }) + (start ? " (" + format((end - start) / Math.abs(start), "percent", "", { sign: "always" }) + ")" : "");
      state.note.textContent = dates + words;
    }

    canvas.onpointerdown = function (event) {
      if (event.button || event.pointerType === "touch") return;
      const area = chart.chartArea;
      if (event.offsetX < area.left || event.offsetX > area.right) return;
      dragging = true;
      span.from = event.offsetX;
      span.to = event.offsetX;
      canvas.setPointerCapture(event.pointerId);
    };
    canvas.onpointermove = function (event) {
      if (!dragging) return;
      span.to = Math.min(chart.chartArea.right, Math.max(chart.chartArea.left, event.offsetX));
      chart.draw();
      if (Math.abs(span.to - span.from) > 4) report();
    };
    canvas.onpointerup = function () {
      if (dragging && Math.abs(span.to - span.from) <= 4) {
        span.from = null;
        span.to = null;
        if (state.note) state.note.textContent = data.summary || "";
        chart.draw();
      }
      dragging = false;
    };
  }

  // ---- Axes ----

  function timeAxis(data, colours, extra) {
    return {
      type: "time",
      adapters: { date: { zone: isDay(data) ? "utc" : "local", locale: window.holdfast.locale.startsWith("en") ? window.holdfast.locale : "en-GB" } },
      time: { minUnit: isDay(data) ? "day" : "minute", displayFormats: { day: "d LLL", week: "d LLL", month: "LLL yyyy", quarter: "LLL yyyy", year: "yyyy", hour: "HH:mm", minute: "HH:mm" } },
      grid: { display: false },
      border: { color: colours.grid },
      ticks: { color: colours.ink3, maxRotation: 0, autoSkipPadding: 28, maxTicksLimit: 8 },
      ...extra,
    };
  }

  function valueAxis(data, colours, extra) {
    return {
      position: "right",
      grid: { color: colours.grid, drawTicks: false },
      border: { display: false },
      ticks: { color: colours.ink3, callback: axisText(data), maxTicksLimit: 6, padding: 8 },
      ...extra,
    };
  }

  // ---- Markers of trades and income ----

  const MARKS = { buy: ["triangle", 0, "gain", "B"], sell: ["triangle", 180, "loss", "S"], dividend: ["circle", 0, "series1", "D"], deposit: ["rect", 0, "ink3", "+"], withdrawal: ["rect", 0, "ink3", "−"], split: ["rectRot", 0, "ink3", "×"], note: ["rectRot", 0, "ink3", "•"] };

  function markers(data, colours, heightAt) {
    return (data.markers || []).map(function (marker) {
      const [style, rotation, colour] = MARKS[marker.kind] || MARKS.note;
      const fill = colour === "series1" ? colours.series[1] : colours[colour];
      return { x: toTime(marker.at), y: heightAt(marker.at), style, rotation, fill, label: marker.label };
    }).filter((marker) => Number.isFinite(marker.y));
  }

  function markerSet(list, colours) {
    return {
      label: "hf-markers", type: "scatter", data: list, parsing: false, order: -1,
      pointStyle: list.map((m) => m.style), pointRotation: list.map((m) => m.rotation), pointRadius: 5, pointHoverRadius: 6,
      pointBackgroundColor: list.map((m) => m.fill), pointBorderColor: colours.surface, pointBorderWidth: 1.5, showLine: false,
    };
  }

  // ---- Line and area ----

  /** Where the axis begins: at zero when all that is below the figures is the room we leave under them. A few cents
   *  below zero beside thousands (cash of the day before a transfer) do not count as being below it. */
  function floorOf(values) {
    const known = values.filter(Number.isFinite);
    if (!known.length) return undefined;
    const lowest = Math.min(...known);
    const span = Math.max(...known) - lowest;
    return lowest >= -0.005 * span && lowest < 0.25 * span ? 0 : undefined;
  }

  function line(state, data, colours) {
    const times = data.labels.map(toTime);
    const sets = data.series.map(function (series, index) {
      const colour = series.style === "dashed" ? colours.series[1] : colours.series[index % 8];
      return {
        label: series.label, borderColor: colour, backgroundColor: colours.fill, fill: series.style === "area" ? "origin" : false,
        data: series.values.map((value, at) => ({ x: times[at], y: toNumber(value) })),
        parsing: false, spanGaps: false, borderWidth: 1.75, borderDash: series.style === "dashed" ? [5, 4] : [], stepped: series.style === "step" ? "before" : false,
        pointRadius: times.length === 1 ? 3 : 0, pointHoverRadius: 4, pointHoverBackgroundColor: colour, tension: 0, borderJoinStyle: "round",
      };
    });
    const first = data.series[0];
    const at = new Map(data.labels.map((label, index) => [label.slice(0, 10), index]));
    const marks = markers(data, colours, function (when) {
      const index = at.get(String(when).slice(0, 10));
      return index === undefined ? NaN : toNumber(first.values[index]);
    });
    if (marks.length) sets.push(markerSet(marks, colours));
    const area = data.series.some((series) => series.style === "area");
    const floor = area && data.unit === "money" ? floorOf(data.series.flatMap((series) => series.values.map(toNumber))) : undefined;
    return {
      type: "line",
      data: { datasets: sets },
      options: {
        interaction: { mode: "index", intersect: false, axis: "x" },
        scales: { x: timeAxis(data, colours), y: valueAxis(data, colours, { grace: "4%", beginAtZero: false, min: floor }) },
        plugins: {
          legend: { display: false },
          decimation: { enabled: times.length > 700, algorithm: "lttb", samples: 500 },
          hfCrosshair: { colour: colours.line, fill: colours.span, span: { from: null, to: null } },
          tooltip: {
            enabled: false,
            external: function ({ tooltip }) {
              const points = (tooltip.dataPoints || []).filter((point) => point.dataset.label !== "hf-markers");
              const notes = (tooltip.dataPoints || []).filter((point) => point.dataset.label === "hf-markers").map((point) => point.raw.label);
              const x = points[0]?.raw.x;
              const day = Number.isFinite(x) ? new Date(x).toISOString().slice(0, 10) : "";
              const more = (data.markers || []).filter((marker) => String(marker.at).slice(0, 10) === day).map((marker) => marker.label);
              showTip(state, tooltip, Number.isFinite(x) ? formatDate(isDay(data) ? day : new Date(x).toISOString()) : "", points.map((point) => ({ name: point.dataset.label, value: write(data, point.raw.y), colour: point.dataset.borderColor })), Array.from(new Set([...notes, ...more])).slice(0, 5));
            },
          },
        },
      },
      plugins: [crosshair],
    };
  }

  // ---- Bars ----

  function bar(state, data, colours) {
    const sets = data.series.map(function (series, index) {
      const values = series.values.map(toNumber);
      return {
        label: series.label, data: values, borderRadius: 3, maxBarThickness: 42, stack: data.stacked ? "one" : undefined,
        backgroundColor: data.signed ? values.map((value) => (value < 0 ? colours.loss : colours.gain)) : colours.series[index % 8],
      };
    });
    return {
      type: "bar",
      data: { labels: data.labels, datasets: sets },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { stacked: Boolean(data.stacked), grid: { display: false }, border: { color: colours.grid }, ticks: { color: colours.ink3, maxRotation: 0, autoSkipPadding: 14 } },
          y: valueAxis(data, colours, { stacked: Boolean(data.stacked), beginAtZero: true }),
        },
        plugins: { legend: { display: false }, tooltip: { enabled: false, external: ({ tooltip }) => showTip(state, tooltip, tooltip.title?.[0] || "", (tooltip.dataPoints || []).map((point) => ({ name: point.dataset.label, value: write(data, point.raw, data.signed ? { sign: "always" } : {}), colour: Array.isArray(point.dataset.backgroundColor) ? point.dataset.backgroundColor[point.dataIndex] : point.dataset.backgroundColor }))) } },
      },
    };
  }

  // ---- Doughnut ----

  function doughnut(state, data, colours) {
    const values = data.series[0].values.map(toNumber);
    const total = values.reduce((sum, value) => sum + (value || 0), 0);
    return {
      type: "doughnut",
      data: { labels: data.labels, datasets: [{ label: data.series[0].label, data: values, backgroundColor: values.map((_, index) => colours.series[index % 8]), borderColor: colours.surface, borderWidth: 2, hoverOffset: 4 }] },
      options: {
        cutout: "66%",
        onClick: function (event, items) { const url = data.urls?.[items[0]?.index]; if (url) window.location.assign(url); },
        onHover: function (event, items) { event.native.target.style.cursor = data.urls?.[items[0]?.index] ? "pointer" : ""; },
        plugins: { legend: { display: false }, tooltip: { enabled: false, external: ({ tooltip }) => showTip(state, tooltip, tooltip.dataPoints?.[0]?.label || "", (tooltip.dataPoints || []).map((point) => ({ name: data.series[0].label, value: write(data, point.raw) + (total ? " · " + format(point.raw / total, "percent", "", { maximumFractionDigits: 1, minimumFractionDigits: 1 }) : ""), colour: colours.series[point.dataIndex % 8] }))) } },
      },
    };
  }

  // ---- Legend as buttons (lines and bars) or as a list (doughnut) ----

  function legend(state, data, colours) {
    state.figure.querySelector(".hf-legend")?.remove();
    if (data.legend) return listed(state, data.legend);
    const round = data.kind === "doughnut";
    const names = round ? data.labels : (data.series || []).map((series) => series.label);
    if (names.length < 2) return undefined;
    const list = document.createElement("ul");
    list.className = "hf-legend";
    names.slice(0, 12).forEach(function (name, index) {
      const item = document.createElement("li");
      const holder = document.createElement(round ? "span" : "button");
      const key = document.createElement("span");
      key.className = "hf-key";
      const dashed = !round && data.series[index].style === "dashed";
      key.style.color = dashed ? colours.series[1] : colours.series[index % 8];
      holder.append(key, name);
      if (!round) {
        holder.type = "button";
        holder.setAttribute("aria-pressed", "true");
        holder.addEventListener("click", function () {
          const shown = !state.chart.isDatasetVisible(index);
          state.chart.setDatasetVisibility(index, shown);
          holder.setAttribute("aria-pressed", String(shown));
          state.chart.update();
        });
      } else {
        const total = data.series[0].values.reduce((sum, value) => sum + Number(value || 0), 0);
        const share = document.createElement("span");
        share.className = "tabular";
        share.textContent = total ? format(Number(data.series[0].values[index] || 0) / total, "percent", "", { minimumFractionDigits: 1, maximumFractionDigits: 1 }) : "";
        holder.append(share);
      }
      item.append(holder);
      list.append(item);
    });
    state.box.after(list);
    return undefined;
  }

  function listed(state, items) {
    if (!items.length) return;
    const list = document.createElement("ul");
    list.className = "hf-legend";
    list.replaceChildren(...items.map(function (entry) {
      const item = document.createElement("li");
      const holder = document.createElement("span");
      const key = document.createElement("span");
      key.className = "hf-key";
      key.style.color = entry.colour;
      holder.append(key, entry.label);
      item.append(holder);
      return item;
    }));
    state.box.after(list);
  }

  const BUILDERS = { line, area: line, bar, doughnut };
  // price and treemap come from files of their own, which need their own libraries.
  window.holdfast.chartKit = { BUILDERS, MARKS, write, hidden, toNumber, toTime, showTip, crosshair, selectSpan, timeAxis, valueAxis, markerSet };

  /** Draw `state.data` on `state.canvas`; the Chart.js object. */
  window.holdfast.drawChart = function (state) {
    const data = state.data;
    data.kind = data.kind || state.figure.dataset.chart;
    const colours = palette();
    state.afterDraw = null;
    const chart = new Chart(state.canvas, (BUILDERS[data.kind] || line)(state, data, colours));
    state.chart = chart;
    state.canvas.addEventListener("mouseleave", () => tip(state).removeAttribute("data-on"));
    legend(state, data, colours);
    if ("selectSpan" in state.figure.dataset && state.note) {
      if (data.kind === "line") selectSpan(state, data);
      state.afterDraw?.();
    }
    return chart;
  };
})();
