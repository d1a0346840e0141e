/* What the other files share: set-up of new parts of a page, formats by locale, announcements, htmx manners. */
(function () {
  "use strict";
  const root = document.documentElement;
  const enhancers = [];
  const MINUS = "\u2212";

  /** Run `set` once on each element that matches, now and in parts that htmx brings later. */
  function enhance(selector, set) {
    enhancers.push([selector, set]);
    if (document.readyState !== "loading") run(document, [[selector, set]]);
  }

  function run(scope, list) {
    list.forEach(function ([selector, set], index) {
      const found = Array.from(scope.querySelectorAll(selector));
      if (scope.matches && scope.matches(selector)) found.unshift(scope);
      found.forEach(function (element) {
        const key = "hfSet" + enhancers.findIndex((entry) => entry[0] === selector && entry[1] === set);
        if (element[key]) return;
        element[key] = true;
        set(element, index);
      });
    });
  }

  document.addEventListener("DOMContentLoaded", () => run(document, enhancers));
  document.addEventListener("htmx:load", (event) => run(event.detail.elt, enhancers));

  // ---- Figures. Text in, text out; numbers are made for the eye only. ----

  const locale = (function () {
    try {
      return Intl.getCanonicalLocales(root.dataset.locale || "en-US")[0];
    } catch {
      return "en-US";
    }
  })();
  const formats = new Map();

  function formatter(options) {
    const key = JSON.stringify(options);
    if (!formats.has(key)) {
      try {
        formats.set(key, new Intl.NumberFormat(locale, options));
      } catch {
        formats.set(key, new Intl.NumberFormat("en-US", { maximumFractionDigits: 8 }));
      }
    }
    return formats.get(key);
  }

  function isIso(currency) {
    return /^[A-Z]{3}$/.test(currency || "");
  }

  function priceDigits(size) {
    if (size >= 10 || size === 0) return 2;
    if (size >= 1) return 4;
    return Math.min(8, 3 + Math.ceil(-Math.log10(size)) + 1);
  }

  /** Write a value (number or decimal text) as `unit`: money, price, percent (a fraction), number. */
  function format(value, unit, currency, extra) {
    if (value === null || value === undefined || value === "") return "\u2013";
    const number = Number(value);
    if (!Number.isFinite(number)) return "\u2013";
    const options = {};
    if (unit === "percent") Object.assign(options, { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
    else if ((unit === "money" || unit === "price") && isIso(currency)) Object.assign(options, { style: "currency", currency: currency });
    if (unit === "price") {
      options.minimumFractionDigits = 2;
      options.maximumFractionDigits = priceDigits(Math.abs(number));
    }
    if (unit === "number") options.maximumFractionDigits = 8;
    Object.assign(options, extra || {});
    const sign = options.sign;
    delete options.sign;
    const written = formatter(options).format(Math.abs(number));
    const tail = (unit === "money" || unit === "price") && currency && !isIso(currency) ? "\u00a0" + currency : "";
    if (!/[1-9]/.test(written)) return written + tail;
    return (number < 0 ? MINUS : sign === "always" ? "+" : "") + written + tail;
  }

  /** Write an ISO day or instant: days without a zone shift, instants in the reader's zone. */
  function formatDate(iso, options) {
    const text = String(iso);
    const day = /^\d{4}-\d{2}-\d{2}$/.test(text);
    const date = new Date(day ? text + "T00:00:00Z" : text);
    if (Number.isNaN(date.getTime())) return text;
    const chosen = options || (day ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
    const english = locale.startsWith("en") ? locale : "en-GB";
    return new Intl.DateTimeFormat(english, day ? { ...chosen, timeZone: "UTC" } : chosen).format(date);
  }

  // ---- Announcements ----

  function announce(text, urgent) {
    const region = document.getElementById(urgent ? "hf-announce-now" : "hf-announce");
    if (!region) return;
    const line = document.createElement("p");
    line.textContent = text;
    region.append(line);
    window.setTimeout(() => line.remove(), 8000);
  }

  function csrf() {
    try {
      return JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";
    } catch {
      return "";
    }
  }

  // ---- htmx: progress, answers that are not a fragment, lost connections ----

  let busy = 0;
  const bar = () => document.getElementById("hf-busy");

  document.addEventListener("htmx:beforeRequest", function () {
    busy += 1;
    bar()?.setAttribute("data-on", "");
  });
  document.addEventListener("htmx:afterRequest", function () {
    busy = Math.max(0, busy - 1);
    if (!busy) bar()?.removeAttribute("data-on");
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    const xhr = event.detail.xhr;
    const where = xhr.responseURL ? new URL(xhr.responseURL).pathname : "";
    const type = xhr.getResponseHeader("Content-Type") || "";
    // A redirect to the sign-in page, or any other whole page, does not belong into a fragment.
    if (xhr.status === 401 || where.startsWith("/accounts/login") || where.startsWith("/accounts/reauthenticate") || where.startsWith("/accounts/2fa")) {
      event.detail.shouldSwap = false;
      toSignIn();
      return;
    }
    // Forms come back with 400 or 422 and their errors at the fields.
    if ((xhr.status === 422 || xhr.status === 400 || xhr.status === 409) && type.startsWith("text/html") && !/^\s*<!doctype/i.test(xhr.responseText)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
  document.addEventListener("htmx:responseError", function (event) {
    const xhr = event.detail.xhr;
    if (xhr.status === 401) return;
    const quiet = event.detail.elt.matches("[data-refresh-on], [data-quiet]") && event.detail.requestConfig.verb === "get";
    if (quiet && xhr.status >= 500) return;
    const words = {
      403: "You may not do that, or this page is too old. Reload it and try again.",
      404: "That is no longer there.",
      429: "Too many tries in a short time. Wait a minute.",
    };
    window.holdfast.toast({ level: "danger", title: "That did not work", body: words[xhr.status] || "The server could not answer. Nothing was changed; try again." });
  });
  document.addEventListener("htmx:sendError", function (event) {
    if (event.detail.elt.matches("[data-refresh-on], [data-quiet]")) return;
    window.holdfast.toast({ level: "warning", title: "No connection", body: "The server cannot be reached. Try again in a moment." });
  });

  function toSignIn() {
    const next = window.location.pathname + window.location.search;
    window.location.assign("/accounts/login/?next=" + encodeURIComponent(next));
  }

  // In a strip that scrolls sideways, the chosen entry is in sight.
  enhance(".hf-segment, .hf-subnav", function (strip) {
    const chosen = strip.querySelector("[aria-current]");
    if (chosen && strip.scrollWidth > strip.clientWidth) strip.scrollLeft = chosen.offsetLeft - (strip.clientWidth - chosen.offsetWidth) / 2;
  });

  window.holdfast = { enhance, format, formatDate, announce, csrf, toSignIn, locale, toast: () => {} };
})();
