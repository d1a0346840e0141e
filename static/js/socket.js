/* Live updates: one socket per page. docs/live.md is the contract. The database is the truth; this only brings it sooner. */
(function () {
  "use strict";
  const { toast, format } = window.holdfast;
  const bell = document.getElementById("hf-bell");
  const user = document.body.dataset.userId;
  if (!user || !("WebSocket" in window)) return;

  const STORE = "hf-last-event-id:" + user;
  const SILENCE = 60000;
  const STOP = { 4401: "Signed out", 4403: "Live updates refused", 4409: "Too many windows open", 4413: "Live updates off" };
  const status = document.getElementById("hf-live");
  let socket = null;
  let attempt = 0;
  let retryTimer = 0;
  let silenceTimer = 0;
  let wanted = "";
  let everReady = false;

  // ---- The last event seen ----

  function lastSeen() {
    const kept = Number(sessionStorage.getItem(STORE));
    if (Number.isSafeInteger(kept) && kept > 0) return kept;
    const given = Number(bell?.dataset.lastEventId);
    return Number.isSafeInteger(given) && bell?.dataset.lastEventId ? given : null;
  }

  function remember(id) {
    if (!Number.isSafeInteger(id)) return;
    const kept = Number(sessionStorage.getItem(STORE)) || 0;
    if (id > kept) sessionStorage.setItem(STORE, String(id));
  }

  // ---- Status, for eyes and ears ----

  function say(state, text) {
    if (!status || status.dataset.state === state) return;
    status.dataset.state = state;
    status.title = text;
    status.querySelector(".hf-live-text").textContent = text;
  }

  // ---- Connection ----

  function connect() {
    window.clearTimeout(retryTimer);
    const scheme = window.location.protocol === "https:" ? "wss://" : "ws://";
    socket = new WebSocket(scheme + window.location.host + "/ws/");
    socket.addEventListener("open", function () {
      send({ action: "hello", last_event_id: lastSeen() });
      alive();
    });
    socket.addEventListener("message", function (message) {
      alive();
      let frame;
      try {
        frame = JSON.parse(message.data);
      } catch {
        return;
      }
      receive(frame);
    });
    socket.addEventListener("close", closed);
  }

  function closed(event) {
    window.clearTimeout(silenceTimer);
    socket = null;
    if (STOP[event.code]) {
      say("off", STOP[event.code]);
      if (event.code === 4401) toast({ level: "warning", title: "You are signed out", body: "Sign in again to go on.", url: "/accounts/login/?next=" + encodeURIComponent(window.location.pathname) });
      return;
    }
    if (attempt > 0 || everReady) say("waiting", "Reconnecting…");
    const least = event.code === 4429 ? 10000 : 1000;
    const pause = Math.max(least, Math.min(30000, 1000 * 2 ** attempt));
    attempt += 1;
    retryTimer = window.setTimeout(connect, pause * (0.5 + Math.random()));
  }

  function send(frame) {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  }

  function alive() {
    window.clearTimeout(silenceTimer);
    silenceTimer = window.setTimeout(() => socket?.close(), SILENCE);
  }

  window.addEventListener("online", function () {
    if (!socket) {
      attempt = 0;
      connect();
    }
  });
  document.addEventListener("visibilitychange", function () {
    if (document.hidden) return;
    if (!socket) {
      attempt = 0;
      window.clearTimeout(retryTimer);
      if (status?.dataset.state !== "off") connect();
    } else send({ action: "ping" });
  });
  window.addEventListener("pagehide", () => socket?.close(1000));
  window.addEventListener("pageshow", (event) => event.persisted && !socket && connect());

  // ---- Frames ----

  function receive(frame) {
    if (frame.type === "ready") {
      attempt = 0;
      say("on", "Live updates are on");
      remember(frame.last_event_id);
      wanted = "";
      watch();
      // What changed without an event while the line was down (progress, prices) is fetched once.
      if (everReady) refreshAll();
      everReady = true;
    } else if (frame.type === "event") {
      remember(frame.id);
      if (!frame.quiet) toast(frame);
      refresh(frame.refresh || [], frame.unread);
    } else if (frame.type === "refresh") {
      if (Number.isSafeInteger(frame.unread)) count(frame);
      refresh(frame.refresh || []);
    }
    else if (frame.type === "resync") {
      sessionStorage.setItem(STORE, String(frame.last_event_id));
      refreshAll();
    } else if (frame.type === "prices") {
      frame.quotes.forEach((quote) => pending.set(String(quote.id), quote));
      schedule();
    }
    document.body.dispatchEvent(new CustomEvent("hf:frame", { detail: frame }));
  }

  // ---- Parts of the page that fetch themselves again ----

  const due = new Set();
  let refreshTimer = 0;

  /** Note the names; the bell is set at once when the frame says how many are unread, and asks otherwise. */
  function refresh(names, unread) {
    names.forEach((name) => due.add(name));
    const badge = document.getElementById("hf-unread");
    if (badge && Number.isSafeInteger(unread)) {
      badge.textContent = unread > 99 ? "99+" : String(unread);
      badge.hidden = unread === 0;
    } else if (names.includes("bell")) document.getElementById("hf-bell")?.dispatchEvent(new CustomEvent("hf:bell"));
    if (!refreshTimer) refreshTimer = window.setTimeout(flush, 60);
  }

  function flush() {
    refreshTimer = 0;
    const names = Array.from(due);
    due.clear();
    names.forEach(function (name) {
      document.body.dispatchEvent(new CustomEvent("hf:refresh-" + name.replaceAll(":", "-"), { detail: { name } }));
    });
    document.querySelectorAll("[data-refresh-on]").forEach(function (region) {
      if (region.dataset.refreshOn.split(/\s+/).some((name) => names.includes(name))) region.dispatchEvent(new CustomEvent("hf:refresh"));
    });
  }

  function refreshAll() {
    due.add("bell");
    document.getElementById("hf-bell")?.dispatchEvent(new CustomEvent("hf:bell"));
    document.querySelectorAll("[data-refresh-on]").forEach((region) => region.dataset.refreshOn.split(/\s+/).forEach((name) => due.add(name)));
    refresh([]);
  }

  // ---- Prices: the latest per instrument, painted once a frame ----

  const pending = new Map();
  let painting = false;

  function schedule() {
    if (painting) return;
    painting = true;
    window.requestAnimationFrame(paint);
  }

  const percent = (value) => format(Number(value) / 100, "percent", "", { sign: "always" });
  /** Fields with a sign and a colour. */
  const SIGNED = {
    change: (value, currency) => format(value, "price", currency, { sign: "always" }),
    change_pct: percent,
    gain: (value, currency) => format(value, "money", currency, { sign: "always" }),
    gain_pct: percent,
  };

  /** What a cell shows of a quote: a field of it, or what the field is worked out from. */
  function valueOf(cell, quote) {
    const { field } = cell.dataset;
    const worth = Number(cell.dataset.units) * Number(quote.last);
    const gain = worth - Number(cell.dataset.cost);
    if (field === "value") return String(worth);
    if (field === "gain") return String(gain);
    if (field === "gain_pct") return String((100 * gain) / Math.abs(Number(cell.dataset.cost)));
    if (field !== "day_low" && field !== "day_high") return quote[field];
    // A range only grows, and only while its day lasts.
    if (cell.dataset.day === undefined) cell.dataset.day = quote.at.slice(0, 10);
    const known = cell.dataset.value ?? cell.dataset.known;
    const beyond = field === "day_low" ? Number(quote.last) < Number(known) : Number(quote.last) > Number(known);
    return known !== undefined && quote.at.slice(0, 10) === cell.dataset.day && beyond ? quote.last : null;
  }

  function write(cell, quote) {
    const field = cell.dataset.field;
    const value = valueOf(cell, quote);
    if (value === null || value === undefined) return;
    const old = cell.dataset.value;
    cell.dataset.value = value;
    // The price tag inside the cell knows the currency; it goes with the first update.
    cell.dataset.currency ??= cell.querySelector("[data-currency]")?.dataset.currency || "";
    if (field === "volume") {
      cell.textContent = format(value, "number", "", { notation: "compact", maximumFractionDigits: 1 });
      return;
    }
    if (field === "value") {
      // The person's own money: what covers it in privacy mode stays around it.
      (cell.querySelector(".amount-value") || cell).textContent = format(value, "money", cell.dataset.currency);
      return;
    }
    if (SIGNED[field]) {
      const text = SIGNED[field](value, cell.dataset.currency);
      const way = text.startsWith("+") ? "is-gain" : text.startsWith("\u2212") ? "is-loss" : "is-flat";
      cell.classList.remove("is-gain", "is-loss", "is-flat");
      const inner = cell.querySelector(".is-gain, .is-loss, .is-flat");
      if (inner) inner.className = way;
      else cell.classList.add(way);
      (cell.querySelector(".amount-value") || inner || cell).textContent = text;
    } else cell.textContent = format(value, "price", cell.dataset.currency);
    if (old !== undefined && old !== value) {
      cell.classList.remove("hf-flash-up", "hf-flash-down");
      void cell.offsetWidth;
      cell.classList.add(Number(value) > Number(old) ? "hf-flash-up" : "hf-flash-down");
    }
  }

  function paint() {
    painting = false;
    document.querySelectorAll("[data-quote-id][data-field]").forEach(function (cell) {
      const quote = pending.get(cell.dataset.quoteId);
      if (quote) write(cell, quote);
    });
    pending.forEach((quote) => document.body.dispatchEvent(new CustomEvent("hf:quote", { detail: quote })));
    pending.clear();
  }

  function watch() {
    const ids = Array.from(new Set(Array.from(document.querySelectorAll("[data-quote-id]"), (cell) => Number(cell.dataset.quoteId)))).filter(Number.isSafeInteger).sort((a, b) => a - b).slice(0, 500);
    const list = ids.join();
    if (list === wanted) return;
    wanted = list;
    send({ action: "watch", instruments: ids });
  }
  document.addEventListener("htmx:load", watch);

  connect();
})();
