/* The browsable API: sends what is in the form and shows the answer below it. */
(function () {
  "use strict";
  window.holdfast.enhance("form[data-api-form]", function (form) {
    const answer = form.parentElement.querySelector("[data-api-answer]");
    const status = answer.querySelector("[data-api-status]");
    form.addEventListener("submit", async function (event) {
      event.preventDefault();
      const method = form.elements.method.value;
      const request = { method, headers: { Accept: "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value } };
      if (method !== "DELETE") {
        request.headers["Content-Type"] = "application/json";
        request.body = form.elements.body.value;
      }
      let text;
      try {
        const response = await fetch(form.getAttribute("action"), request);
        text = await response.text();
        status.textContent = response.status + " " + response.statusText;
        try {
          text = JSON.stringify(JSON.parse(text), null, 2);
        } catch {
          // Not JSON: shown as it came.
        }
      } catch {
        status.textContent = "No answer";
        text = "The server cannot be reached.";
      }
      answer.querySelector("pre").textContent = text;
      answer.hidden = false;
      status.focus();
    });
  });
})();
