/* Forms: sent once, confirmed when it matters, errors found by the keyboard; menus and dialogs. */
(function () {
  "use strict";
  const { enhance } = window.holdfast;

  // ---- Asking first: <button data-confirm="Sell all?"> ----

  function ask(text, label, danger) {
    const dialog = document.getElementById("hf-ask");
    const yes = document.getElementById("hf-ask-yes");
    document.getElementById("hf-ask-text").textContent = text;
    yes.textContent = label || "Continue";
    yes.className = "btn " + (danger ? "btn-danger" : "btn-primary");
    dialog.returnValue = "";
    dialog.showModal();
    return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
  }
  window.holdfast.ask = ask;

  document.addEventListener("click", function (event) {
    const button = event.target.closest("button[data-confirm], input[data-confirm]");
    if (!button || !button.form || button.dataset.confirmed) return;
    if (!button.form.reportValidity()) {
      event.preventDefault();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    ask(button.dataset.confirm, button.textContent.trim(), button.matches(".btn-danger, .btn-outline-danger")).then(function (yes) {
      if (!yes) return;
      button.dataset.confirmed = "yes";
      button.click();
      delete button.dataset.confirmed;
    });
  }, true);

  // ---- Once: <form data-once> ----

  document.addEventListener("submit", function (event) {
    const form = event.target;
    if (!form.matches("form[data-once]") || event.defaultPrevented) return;
    if (form.dataset.sent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter || form.querySelector("[type=submit]");
    if (button) {
      button.setAttribute("aria-busy", "true");
      const spinner = document.createElement("span");
      spinner.className = "hf-spinner";
      spinner.setAttribute("aria-hidden", "true");
      button.prepend(spinner);
    }
  });

  function release(form) {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-busy]").forEach(function (button) {
      button.removeAttribute("aria-busy");
      button.querySelector(".hf-spinner")?.remove();
    });
  }
  document.addEventListener("htmx:afterRequest", function (event) {
    const form = event.detail.elt.closest?.("form[data-once]");
    if (form) release(form);
  });
  // Back from the browser's memory: the form may be sent again.
  window.addEventListener("pageshow", (event) => event.persisted && document.querySelectorAll("form[data-sent]").forEach(release));

  // ---- Small things ----

  document.addEventListener("change", function (event) {
    if (event.target.matches("select[data-autosubmit], input[data-autosubmit]")) event.target.form.requestSubmit();
  });
  // The wheel scrolls the page, it does not change a figure.
  document.addEventListener("wheel", function (event) {
    if (event.target.matches?.("input[type=number]:focus")) event.target.blur();
  }, { passive: true });

  enhance("[data-error-summary], form [aria-invalid=true]", function (element) {
    const form = element.closest("form");
    if (form && !form.dataset.errorFocus) {
      form.dataset.errorFocus = "set";
      element.focus({ preventScroll: false });
    }
  });

  // ---- Dialogs: <a href="…/confirm/" data-dialog="#id"> ----

  document.addEventListener("click", function (event) {
    const opener = event.target.closest("[data-dialog]");
    if (opener) {
      const dialog = document.querySelector(opener.dataset.dialog);
      if (dialog && dialog.showModal) {
        event.preventDefault();
        dialog.showModal();
        return;
      }
    }
    const closer = event.target.closest("[data-dialog-close]");
    if (closer) closer.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement) event.target.close();
  });

  // ---- <details> as a menu: closes by Escape, by leaving, by choosing ----

  enhance("details[data-menu]", function (menu) {
    const summary = menu.querySelector("summary");
    menu.addEventListener("keydown", function (event) {
      if (event.key === "Escape" && menu.open) {
        menu.open = false;
        summary.focus();
      }
    });
    document.addEventListener("click", (event) => { if (menu.open && !menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("focusout", (event) => { if (menu.open && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false; });
  });

  // ---- Fill: <button data-fill="#field" data-value="2.5"> ----

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-fill]");
    const field = button && document.querySelector(button.dataset.fill);
    if (!field) return;
    field.value = button.dataset.value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  });

  // ---- Copy: <button data-copy="#field"> ----

  document.addEventListener("click", function (event) {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.querySelector(button.dataset.copy);
    const text = source ? source.value ?? source.textContent : "";
    // Browsers keep the clipboard from pages that came without encryption: there the text is marked, to be copied by hand.
    const byHand = function () {
      source?.select?.();
      window.holdfast.toast({ level: "info", title: "Not copied", body: "Your browser does not allow it here. The text is marked: copy it with Ctrl and C." });
    };
    if (!navigator.clipboard) byHand();
    else navigator.clipboard.writeText(text.trim()).then(() => window.holdfast.toast({ level: "success", title: "Copied" }), byHand);
  });
})();
