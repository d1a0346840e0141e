/* Short notes at the edge of the page, spoken by screen readers; and messages that can be closed. */
(function () {
  "use strict";
  const LEVELS = ["info", "success", "warning", "danger"];
  const SIGNS = {
    info: "M11.25 11.25l.04-.02a.75.75 0 0 1 1.06.85l-.7 2.84a.75.75 0 0 0 1.06.85l.04-.02M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Zm-9-3.75h.01",
    success: "M9 12.75 11.25 15 15 9.75M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0Z",
    warning: "M12 9v3.75m-9.3 3.38c-.87 1.5.22 3.37 1.95 3.37h14.7c1.73 0 2.82-1.87 1.95-3.37L13.95 3.38c-.87-1.5-3.03-1.5-3.9 0L2.7 16.13ZM12 15.75h.01",
    danger: "M12 9v3.75m9-.75a9 9 0 1 1-18 0 9 9 0 0 1 18 0Zm-9 3.75h.01",
  };
  const MOST = 4;

  function sign(level) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    for (const [name, value] of Object.entries({ viewBox: "0 0 24 24", width: 20, height: 20, fill: "none", stroke: "currentColor", "stroke-width": 1.5, "aria-hidden": "true" })) svg.setAttribute(name, value);
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", SIGNS[level]);
    path.setAttribute("stroke-linecap", "round");
    path.setAttribute("stroke-linejoin", "round");
    svg.append(path);
    return svg;
  }

  /** Show `{level, title, body, url}`; it stays while it is pointed at or holds the focus. */
  function toast(note) {
    const region = document.getElementById("hf-toasts");
    if (!region) return null;
    const level = LEVELS.includes(note.level) ? note.level : "info";
    const box = document.createElement("div");
    box.className = "hf-toast hf-toast-" + level;
    const text = document.createElement("div");
    text.className = "hf-toast-text";
    const title = document.createElement("strong");
    title.textContent = note.title || "";
    text.append(title);
    if (note.body) {
      const body = document.createElement("p");
      body.textContent = note.body;
      text.append(body);
    }
    // Only addresses of this site become links.
    if (note.url && /^\/(?!\/)/.test(note.url)) {
      const link = document.createElement("a");
      link.href = note.url;
      link.textContent = "Open";
      link.setAttribute("aria-label", "Open: " + (note.title || ""));
      text.append(link);
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "btn-close btn-sm";
    close.setAttribute("aria-label", "Close this note");
    close.addEventListener("click", () => box.remove());
    box.append(sign(level), text, close);
    region.append(box);
    while (region.children.length > MOST) region.firstElementChild.remove();
    window.holdfast.announce([note.title, note.body].filter(Boolean).join(". "), level === "danger");
    let rest = level === "danger" ? 15000 : 8000;
    const watch = window.setInterval(function () {
      if (!box.isConnected) return window.clearInterval(watch);
      if (document.hidden || box.matches(":hover, :focus-within")) return undefined;
      rest -= 500;
      if (rest <= 0) box.remove();
      return undefined;
    }, 500);
    return box;
  }

  window.holdfast.toast = toast;

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-dismiss]");
    if (button) button.closest(".alert")?.remove();
  });
  // Servers may send a note with a fragment: HX-Trigger: {"hf:toast": {...}}
  document.addEventListener("hf:toast", (event) => toast(event.detail || {}));
  // Passkeys: the browser's own dialog was closed, timed out, or found no key. Nobody reads the console.
  document.addEventListener("allauth.error", function (event) {
    const name = event.detail?.exception?.name;
    event.preventDefault();
    if (name === "NotAllowedError" || name === "AbortError") toast({ level: "warning", title: "No passkey was used", body: "The prompt was closed or ran out of time. You can try again." });
    else if (name === "InvalidStateError") toast({ level: "warning", title: "This key is known already", body: "It is in your list of passkeys." });
    else toast({ level: "danger", title: "The passkey did not work", body: "This browser or key refused. Try another key, or another way to sign in." });
  });
})();
