/* Privacy mode: amounts are covered by CSS from `data-privacy` on <html>; this makes the toggle immediate. */
(function () {
  "use strict";
  const root = document.documentElement;

  document.addEventListener("submit", function (event) {
    const form = event.target.closest("[data-privacy-form]");
    if (!form) return;
    event.preventDefault();
    const hidden = root.dataset.privacy !== "on";
    form.elements.hide_amounts.value = hidden ? "on" : "off";
    root.dataset.privacy = hidden ? "on" : "off";
    form.querySelector("button").setAttribute("aria-pressed", String(hidden));
    document.dispatchEvent(new CustomEvent("hf:privacy", { detail: hidden }));
    window.holdfast.announce(hidden ? "Amounts are hidden" : "Amounts are shown");
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" } }).catch(function () {
      window.holdfast.toast({ level: "warning", title: "Not saved", body: "The choice holds for this page only." });
    });
  });
})();
