/* Before the first paint: resolve "like the device" to light or dark, and say that JavaScript runs. Loaded in <head>, not deferred. */
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function apply(theme) {
    root.dataset.theme = theme;
    const shown = theme === "auto" ? (dark.matches ? "dark" : "light") : theme;
    if (root.dataset.bsTheme !== shown) {
      root.dataset.bsTheme = shown;
      document.dispatchEvent(new CustomEvent("hf:theme", { detail: shown }));
    }
  }

  root.dataset.js = "";
  apply(root.dataset.theme || "auto");
  dark.addEventListener("change", function () {
    if (root.dataset.theme === "auto") apply("auto");
  });

  // The toggle is a form; here it changes the page at once and the choice is stored behind it.
  document.addEventListener("submit", function (event) {
    const form = event.target.closest("[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
    form.elements.theme.value = theme;
    apply(theme);
    fetch(form.action, { method: "POST", body: new FormData(form), headers: { "X-Requested-With": "fetch" } }).catch(function () {});
  });
})();
