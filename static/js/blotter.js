/* The blotter and the page of an order: forms are fetched into a dialog that stays while the blotter renews itself. Without
   this file the same forms are pages of their own. */
(function () {
  "use strict";
  const dialog = () => document.getElementById("order-dialog");

  document.addEventListener("htmx:afterSettle", function (event) {
    if (event.detail.target?.id !== "order-dialog-body") return;
    const box = dialog();
    if (!box.open) box.showModal();
    (box.querySelector("[aria-invalid=true]") || box.querySelector("form input:not([type=hidden])") || box.querySelector("button[type=submit]"))?.focus();
  });

  document.addEventListener("click", function (event) {
    if (event.target.closest("dialog a[data-dialog-close]")) event.preventDefault();
  });

  /** The button that opened the dialog may be gone with its order: the keyboard goes on from the blotter. */
  function back() {
    window.setTimeout(function () {
      if (document.activeElement === document.body || !document.activeElement) document.getElementById("blotter")?.focus();
    }, 0);
  }

  document.addEventListener("hf:order-done", function (event) {
    const box = dialog();
    // Closing gives the focus back to the button that opened it, and focus.js takes it from there when that one goes.
    box.close();
    box.querySelector("#order-dialog-body").replaceChildren();
    if (event.detail.title) window.holdfast.announce(event.detail.title);
    document.body.dispatchEvent(new CustomEvent("hf:refresh-blotter"));
    back();
  });

  document.addEventListener("keydown", function (event) {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.code !== "KeyN") return;
    const link = document.getElementById("new-order");
    if (!link || dialog()?.open) return;
    event.preventDefault();
    link.click();
  });
})();
