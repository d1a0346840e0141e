/* Instrument search: a combobox after the ARIA pattern. Without this file the text is posted as typed. */
(function () {
  "use strict";
  const { enhance, announce } = window.holdfast;
  let count = 0;

  enhance("[data-combobox]", function (box) {
    const wrapper = box.matches("input") ? box.parentElement : box;
    const input = box.matches("input") ? box : box.querySelector("input[type=text], input[type=search]");
    const hidden = wrapper.querySelector("[data-combobox-value]") || document.querySelector(box.dataset.target || "#-");
    // Without this file the server compares what was shown with what is typed; here the choice goes as soon as one types.
    wrapper.querySelector("[data-combobox-shown]")?.remove();
    const list = document.createElement("ul");
    count += 1;
    list.id = "hf-combo-" + count;
    list.className = "hf-combo-list";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "Matches");
    wrapper.classList.add("hf-combo");
    wrapper.append(list);
    for (const [name, value] of Object.entries({ role: "combobox", "aria-expanded": "false", "aria-controls": list.id, "aria-autocomplete": "list", autocomplete: "off" })) input.setAttribute(name, value);

    let results = [];
    let active = -1;
    let timer = 0;
    let request = null;

    function close() {
      list.hidden = true;
      active = -1;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }

    function mark(index) {
      active = index;
      Array.from(list.children).forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
      const item = list.children[index];
      if (item) {
        input.setAttribute("aria-activedescendant", item.id);
        item.scrollIntoView({ block: "nearest" });
      }
    }

    // What a source of prices found is put into the list first; then it is chosen like any other.
    async function add(result) {
      show("Adding " + result.label + " …");
      const body = new FormData();
      for (const [name, value] of Object.entries(result.add.fields)) body.set(name, value);
      try {
        const answer = await fetch(result.add.url, { method: "POST", body, headers: { Accept: "application/json", "X-CSRFToken": window.holdfast.csrf() } });
        if (answer.status === 401 || answer.redirected) return window.holdfast.toSignIn();
        const said = await answer.json();
        if (!answer.ok) return show(said.message || said.detail || "It could not be added.");
        results = [Object.assign({}, result, said, { add: null })];
        choose(0);
      } catch {
        show("It could not be added. Try again.");
      }
      return undefined;
    }

    function choose(index) {
      const result = results[index];
      if (!result) return;
      if (result.add) {
        results = [];
        return void add(result);
      }
      input.value = result.label;
      if (hidden) hidden.value = result.value;
      close();
      box.dispatchEvent(new CustomEvent("hf:chosen", { bubbles: true, detail: result }));
      hidden?.dispatchEvent(new Event("change", { bubbles: true }));
      if (result.url && box.hasAttribute("data-open")) window.location.assign(result.url);
    }

    function show(note) {
      list.replaceChildren();
      results.forEach(function (result, index) {
        const item = document.createElement("li");
        item.id = list.id + "-" + index;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        const name = document.createElement("strong");
        name.textContent = result.label;
        item.append(name);
        if (result.detail) {
          const detail = document.createElement("small");
          detail.textContent = result.detail;
          item.append(detail);
        }
        item.addEventListener("mousedown", function (event) {
          event.preventDefault();
          choose(index);
        });
        list.append(item);
      });
      if (note) {
        const item = document.createElement("li");
        item.className = "hf-combo-note";
        item.setAttribute("role", "option");
        item.setAttribute("aria-disabled", "true");
        item.setAttribute("aria-selected", "false");
        item.textContent = note;
        list.append(item);
      }
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      active = -1;
      announce(note || (results.length === 1 ? "1 match" : results.length + " matches"));
    }

    async function further(address, text, signal) {
      const url = new URL(address, window.location.href);
      url.searchParams.set("q", text);
      const answer = await fetch(url, { signal, headers: { Accept: "application/json" } });
      return answer.ok ? answer.json() : {};
    }

    async function search() {
      const text = input.value.trim();
      request?.abort();
      if (!text) return close();
      request = new AbortController();
      try {
        const url = new URL(box.dataset.src, window.location.href);
        url.searchParams.set("q", text);
        const answer = await fetch(url, { signal: request.signal, headers: { Accept: "application/json" } });
        if (answer.status === 401 || answer.redirected) return window.holdfast.toSignIn();
        if (!answer.ok) throw new Error(String(answer.status));
        let found = await answer.json();
        results = found.results || [];
        if (!results.length && found.beyond && text.length > 1) {
          if (document.activeElement === input) show("Not in the list. Asking the sources of prices …");
          found = await further(found.beyond, text, request.signal);
          results = found.results || [];
        }
        if (document.activeElement === input) show(results.length ? "" : found.note || "Nothing found for “" + text + "”");
      } catch (error) {
        if (error.name === "AbortError") return undefined;
        results = [];
        show("The search did not answer. Type on to try again.");
      }
      return undefined;
    }

    input.addEventListener("input", function () {
      if (hidden) hidden.value = "";
      window.clearTimeout(timer);
      timer = window.setTimeout(search, 160);
    });
    input.addEventListener("keydown", function (event) {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") {
        event.preventDefault();
        if (list.hidden) return void search();
        const size = results.length;
        if (size) mark((active + (event.key === "ArrowDown" ? 1 : -1) + size + (active < 0 && event.key === "ArrowUp" ? 1 : 0)) % size);
      } else if (event.key === "Enter" && !list.hidden && (active >= 0 || results.length === 1)) {
        event.preventDefault();
        choose(active >= 0 ? active : 0);
      } else if (event.key === "Escape" && !list.hidden) {
        event.stopPropagation();
        close();
      }
    });
    input.addEventListener("blur", () => window.setTimeout(close, 120));
  });
})();
