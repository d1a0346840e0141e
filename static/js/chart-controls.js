/* What a chart shows, chosen in a form beside it: the choice goes to the chart and into the address. Without this file the
   form is sent like any other. */
(function () {
  "use strict";
  const { enhance } = window.holdfast;

  /** The form as parameters: what is ticked; an empty value only where nothing else of its name is chosen. */
  function choiceOf(form) {
    const chosen = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) chosen.append(name, value);
    form.querySelectorAll("input[type=hidden]").forEach((input) => chosen.has(input.name) || chosen.append(input.name, ""));
    return chosen;
  }

  enhance("form[data-chart-controls]", function (form) {
    const figures = () => form.dataset.chartControls.split(/\s+/).map((id) => document.getElementById(id)).filter((figure) => figure?.holdfastChart);

    function apply() {
      const chosen = choiceOf(form);
      const here = new URL(window.location.href);
      // What the form knows nothing of stays: the symbols that are compared, say.
      const names = new Set(Array.from(form.elements, (element) => element.name));
      for (const [name, value] of here.searchParams) if (!names.has(name)) chosen.append(name, value);
      here.search = chosen.toString();
      window.history.replaceState(null, "", here);
      document.querySelectorAll("[data-chart-ranges] a[data-range]").forEach(function (link) {
        const to = new URL(here);
        to.searchParams.set("range", link.dataset.range);
        link.href = to.pathname + to.search;
      });
      figures().forEach(function (figure) {
        const src = new URL(figure.dataset.src, window.location.href);
        src.search = here.search;
        figure.dataset.src = src.pathname + src.search;
        figure.holdfastChart.reload();
      });
    }

    form.addEventListener("change", apply);
    form.addEventListener("submit", function (event) {
      event.preventDefault();
      apply();
    });
    document.addEventListener("hf:range", function (event) {
      if (form.elements.range) form.elements.range.value = event.detail;
    });
  });
})();
