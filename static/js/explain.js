/* Explain this number: a link from a figure opens in the page's dialog, and from there further, with the way back. */
(function () {
  "use strict";
  const { announce } = window.holdfast;
  let trail = [];

  function waiting(body) {
    const box = document.createElement("div");
    const text = document.createElement("p");
    box.className = "hf-dialog-body";
    text.className = "hf-hint";
    text.textContent = "Loading…";
    box.append(text);
    body.replaceChildren(box);
  }

  function show(dialog, href) {
    const body = dialog.querySelector("#explain-body");
    const back = dialog.querySelector("[data-explain-back]");
    body.setAttribute("aria-busy", "true");
    if (back) back.hidden = trail.length < 2;
    window.htmx.ajax("GET", href, { target: body, swap: "innerHTML" }).then(function () {
      body.removeAttribute("aria-busy");
      body.scrollTop = 0;
      const title = body.querySelector("h2");
      if (title) announce(title.textContent.trim());
    });
  }

  document.addEventListener("click", function (event) {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const dialog = document.querySelector("#explain");
    if (!dialog || !dialog.showModal || !window.htmx) return;
    if (event.target.closest("[data-explain-back]")) {
      trail.pop();
      show(dialog, trail[trail.length - 1]);
      return;
    }
    const link = event.target.closest("a.hf-explain");
    if (!link) return;
    event.preventDefault();
    if (!dialog.open) {
      trail = [];
      waiting(dialog.querySelector("#explain-body"));
      dialog.showModal();
    }
    trail.push(link.href);
    show(dialog, link.href);
  });
})();
