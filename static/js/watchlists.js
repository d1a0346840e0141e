/* Watchlists: what is chosen from the search is added at once, and rows are put in order by dragging or with the arrow keys.
   Without this file the forms and the arrows beside each row do the same. */
(function () {
  "use strict";
  const { enhance, announce } = window.holdfast;

  enhance("form[data-add-form]", function (form) {
    form.addEventListener("hf:chosen", () => form.requestSubmit());
  });

  // After an addition the next symbol can be typed right away.
  document.addEventListener("htmx:afterSettle", function (event) {
    const from = event.detail.requestConfig?.elt;
    if (from?.matches?.("form[data-add-form]")) document.getElementById("add-text")?.focus();
  });

  enhance("form[data-reorder]", function (form) {
    const list = form.querySelector("ol");
    let dragged = null;
    let before = "";
    const items = () => Array.from(list.children, (row) => row.dataset.item).join();

    /** Send the order as it stands; the answer brings the list anew. */
    function save(row) {
      if (items() === before) return;
      const place = Array.from(list.children).indexOf(row) + 1;
      const name = row.querySelector("strong").textContent;
      announce(name + ", place " + place + " of " + list.children.length);
      const grip = row.querySelector(".hf-grip").id;
      window.htmx.ajax("POST", form.getAttribute("hx-post"), { target: "#watchlist", swap: "outerHTML", values: { items: items(), edit: "1", csrfmiddlewaretoken: form.elements.csrfmiddlewaretoken.value } })
        .then(() => document.getElementById(grip)?.focus());
    }

    list.addEventListener("dragstart", function (event) {
      const grip = event.target.closest?.(".hf-grip");
      if (!grip) return;
      dragged = grip.closest("li");
      before = items();
      dragged.classList.add("hf-dragged");
      event.dataTransfer.effectAllowed = "move";
      event.dataTransfer.setData("text/plain", dragged.dataset.item);
      event.dataTransfer.setDragImage(dragged, 12, 12);
    });
    list.addEventListener("dragover", function (event) {
      if (!dragged) return;
      event.preventDefault();
      const over = event.target.closest("li");
      if (!over || over === dragged) return;
      const box = over.getBoundingClientRect();
      list.insertBefore(dragged, event.clientY < box.top + box.height / 2 ? over : over.nextSibling);
    });
    list.addEventListener("drop", (event) => dragged && event.preventDefault());
    list.addEventListener("dragend", function () {
      if (!dragged) return;
      const row = dragged;
      dragged = null;
      row.classList.remove("hf-dragged");
      save(row);
    });

    list.addEventListener("keydown", function (event) {
      const grip = event.target.closest(".hf-grip");
      if (!grip || !["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) return;
      event.preventDefault();
      const row = grip.closest("li");
      before = items();
      if (event.key === "ArrowUp" && row.previousElementSibling) row.after(row.previousElementSibling);
      else if (event.key === "ArrowDown" && row.nextElementSibling) row.before(row.nextElementSibling);
      else if (event.key === "Home") list.prepend(row);
      else if (event.key === "End") list.append(row);
      grip.focus();
      save(row);
    });

    // A change in another window does not take the row out of the hand that drags it.
    const section = form.closest("[data-refresh-on]");
    section.addEventListener("hf:refresh", function (event) {
      if (dragged) event.stopImmediatePropagation();
    }, true);
  });
})();
