/* Charts: finds them, fetches the libraries and figures, keeps range, table, theme and privacy in step. Drawing: chart-builders.js. */
(function () {
  "use strict";
  const self = document.currentScript;
  const { enhance, format, formatDate } = window.holdfast;
  const loaded = new Map();

  function load(src) {
    if (!loaded.has(src)) {
      loaded.set(src, new Promise(function (resolve, reject) {
        const script = document.createElement("script");
        script.src = src;
        script.onload = resolve;
        script.onerror = () => reject(new Error("library"));
        document.head.append(script);
      }));
    }
    return loaded.get(src);
  }

  async function libraries(kind) {
    for (const src of self.dataset.libs.split(" ")) await load(src);
    for (const src of (self.dataset[kind] || "").split(" ").filter(Boolean)) await load(src);
  }

  // ---- One chart ----

  function start(figure) {
    const canvas = figure.querySelector("canvas");
    const note = figure.querySelector("[data-chart-note]");
    const box = canvas.parentElement;
    const state = { figure, canvas, box, note, chart: null, data: null, request: null };
    figure.holdfastChart = state;

    function cover(text, again) {
      box.querySelector(".hf-chart-state")?.remove();
      if (text === null) return;
      const cover = document.createElement("div");
      cover.className = "hf-chart-state";
      if (again === "wait") {
        const spinner = document.createElement("span");
        spinner.className = "hf-spinner";
        spinner.setAttribute("aria-hidden", "true");
        cover.append(spinner);
      }
      const line = document.createElement("span");
      line.textContent = text;
      cover.append(line);
      if (again === "again") {
        const button = document.createElement("button");
        button.type = "button";
        button.className = "btn btn-sm btn-secondary";
        button.textContent = "Try again";
        button.addEventListener("click", fetchData);
        cover.append(button);
        cover.setAttribute("role", "alert");
      }
      box.append(cover);
    }

    async function fetchData() {
      state.request?.abort();
      state.request = new AbortController();
      if (!state.chart) cover("Loading…", "wait");
      figure.setAttribute("aria-busy", "true");
      try {
        const [answer] = await Promise.all([
          fetch(figure.dataset.src, { signal: state.request.signal, headers: { Accept: "application/json" } }),
          libraries(figure.dataset.chart),
        ]);
        if (answer.status === 401 || (answer.redirected && answer.url.includes("/accounts/"))) return window.holdfast.toSignIn();
        const type = answer.headers.get("Content-Type") || "";
        const data = type.includes("json") ? await answer.json() : null;
        if (!answer.ok || !data) return fail((data && (data.detail || data.title)) || "The figures could not be loaded.");
        state.data = data;
        draw();
      } catch (error) {
        if (error.name === "AbortError") return undefined;
        fail("The figures could not be loaded.");
      } finally {
        figure.removeAttribute("aria-busy");
      }
      return undefined;
    }

    function fail(text) {
      state.chart?.destroy();
      state.chart = null;
      cover(text, "again");
    }

    function isEmpty(data) {
      const rows = data.labels || data.bars || data.cells || [];
      return rows.length === 0;
    }

    function draw() {
      const data = state.data;
      if (!data) return;
      state.chart?.destroy();
      state.chart = null;
      if (note) note.textContent = data.summary || "";
      fillTable(figure, data);
      if (isEmpty(data)) {
        cover(data.empty || "Nothing to show for this range.", "");
        return;
      }
      cover(null);
      canvas.setAttribute("aria-label", [figure.dataset.title, data.summary].filter(Boolean).join(". ") + ". The same figures are in the table below.");
      state.chart = window.holdfast.drawChart(state);
    }

    state.draw = draw;
    state.reload = fetchData;
    // Figures that move: fetched again while somebody looks. What has not changed is not sent.
    const seconds = Number(figure.dataset.reloadSeconds);
    if (seconds) window.setInterval(() => !document.hidden && figure.isConnected && state.chart && fetchData(), seconds * 1000);
    const watch = new IntersectionObserver(function (entries) {
      if (entries.some((entry) => entry.isIntersecting)) {
        watch.disconnect();
        fetchData();
      }
    }, { rootMargin: "300px" });
    watch.observe(figure);

    const src = new URL(figure.dataset.src, window.location.href);
    const chosen = new URLSearchParams(window.location.search).get("range");
    if (chosen && src.searchParams.has("range") && !figure.dataset.ownRange) {
      src.searchParams.set("range", chosen);
      figure.dataset.src = src.pathname + src.search;
    }
  }

  // ---- The table beside it ----

  function fillTable(figure, data) {
    const table = figure.querySelector("[data-chart-table]");
    if (!table || !window.holdfast.tableOf) return;
    const { head, rows, money } = window.holdfast.tableOf(data);
    const row = document.createElement("tr");
    head.forEach(function (text, index) {
      const cell = document.createElement("th");
      cell.scope = "col";
      if (index) cell.className = "num";
      cell.textContent = text;
      row.append(cell);
    });
    table.tHead.replaceChildren(row);
    table.tBodies[0].replaceChildren(...rows.map(function (cells) {
      const line = document.createElement("tr");
      cells.forEach(function (text, index) {
        const cell = document.createElement(index ? "td" : "th");
        if (index) {
          cell.className = "num";
          if (money) {
            const outer = document.createElement("span");
            outer.className = "amount";
            const inner = document.createElement("span");
            inner.className = "amount-value";
            inner.textContent = text;
            outer.append(inner);
            cell.append(outer);
          } else cell.textContent = text;
        } else {
          cell.scope = "row";
          cell.textContent = text;
        }
        line.append(cell);
      });
      return line;
    }));
  }

  // ---- Range buttons: the choice stays in the address ----

  document.addEventListener("click", function (event) {
    const link = event.target.closest("[data-chart-ranges] a[data-range]");
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const group = link.closest("[data-chart-ranges]");
    const figures = group.dataset.chartRanges.split(/\s+/).map((id) => document.getElementById(id)).filter((figure) => figure?.holdfastChart);
    if (!figures.length) return;
    event.preventDefault();
    group.querySelectorAll("[aria-current]").forEach((item) => item.removeAttribute("aria-current"));
    link.setAttribute("aria-current", "true");
    window.history.replaceState(null, "", link.href);
    figures.forEach(function (figure) {
      const src = new URL(figure.dataset.src, window.location.href);
      src.searchParams.set("range", link.dataset.range);
      figure.dataset.src = src.pathname + src.search;
      figure.holdfastChart.reload();
    });
    document.dispatchEvent(new CustomEvent("hf:range", { detail: link.dataset.range }));
  });

  function redrawAll() {
    document.querySelectorAll("[data-chart]").forEach((figure) => figure.holdfastChart?.draw());
  }
  document.addEventListener("hf:theme", redrawAll);
  document.addEventListener("hf:privacy", redrawAll);
  window.addEventListener("beforeprint", () => document.querySelectorAll("[data-chart]").forEach((figure) => figure.holdfastChart?.chart?.resize()));
  window.addEventListener("afterprint", () => document.querySelectorAll("[data-chart]").forEach((figure) => figure.holdfastChart?.chart?.resize()));

  // A chart that is renewed by an event: data-refresh-on beside data-src.
  enhance("figure[data-chart]", function (figure) {
    start(figure);
    figure.addEventListener("hf:refresh", () => figure.holdfastChart.chart && figure.holdfastChart.reload());
  });
  window.holdfast.chartFormats = { format, formatDate };
})();
