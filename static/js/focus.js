/* The keyboard's place in a part that renews itself. What has the focus may be gone with what it belonged to (a cancelled
   order, a closed position): the keyboard then goes on from the same place of the list, and not from the top of the page.
   What is still there under the same id keeps the focus by htmx's own doing. */
(function () {
  "use strict";
  const CAN = "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select:not([disabled]), summary, [tabindex]";
  let left = null;

  const isSeen = (element) => element.getClientRects().length > 0;
  const rowsOf = (table) => Array.from(table?.querySelectorAll("tbody tr") || []);

  /** The list that a table is: by the heading of its section, as lists come and go. */
  function listOf(part, heading) {
    const named = "[aria-labelledby='" + CSS.escape(heading) + "']";
    return (part.matches(named) ? part : part.querySelector(named))?.querySelector("table");
  }

  document.addEventListener("htmx:beforeSwap", function (event) {
    const part = event.detail.target;
    const at = document.activeElement;
    left = null;
    if (!part?.id || !at || at === document.body || !part.contains(at)) return;
    left = {
      part: part.id,
      heading: at.closest("[aria-labelledby]")?.getAttribute("aria-labelledby") || "",
      row: rowsOf(at.closest("table")).indexOf(at.closest("tr")),
      // "cancel-<id>": the same button of another row.
      kind: at.id.includes("-") ? at.id.slice(0, at.id.indexOf("-") + 1) : "",
    };
  });

  document.addEventListener("htmx:afterSettle", function () {
    const was = left;
    left = null;
    const part = was && document.getElementById(was.part);
    if (!part || (document.activeElement && document.activeElement !== document.body)) return;
    const rows = was.row < 0 ? [] : rowsOf(listOf(part, was.heading));
    const row = rows[Math.min(was.row, rows.length - 1)];
    const choices = row ? Array.from(row.querySelectorAll(CAN)).filter(isSeen) : [];
    const next = (was.kind && choices.find((each) => each.id.startsWith(was.kind))) || choices[0] || part;
    if (next === part && !part.hasAttribute("tabindex")) part.setAttribute("tabindex", "-1");
    next.focus({ preventScroll: next === part });
  });
})();
