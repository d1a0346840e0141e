/* The order ticket: the fields that the type and the instrument have, prices taken over by a click, keys. Which choices there
   are comes from the server with the estimate (data-offer). Without this file every field is there and the server says what
   does not fit. */
(function () {
  "use strict";
  const { enhance, announce } = window.holdfast;
  const REPRICE = 3000;

  enhance("#order-form", function (form) {
    const preview = () => document.getElementById("order-preview");
    const field = (name) => form.elements[name];
    const typeBox = form.querySelector("[data-type-field]");
    const exits = form.querySelector("[data-exits]");
    const extended = form.querySelector("[data-extended]");
    let offer = null;
    // A time that somebody chose stays, as long as the instrument has it: what came back from the server was chosen.
    let timeIsOwn = form.hasAttribute("data-returned") || new URLSearchParams(window.location.search).has("time_in_force");
    form.classList.add("is-live");

    const contents = () => new URLSearchParams(new FormData(form)).toString();
    const checked = (name) => form.querySelector("input[name=" + name + "]:checked")?.value || "";

    /** Show a part of the form or take it away; what is away is not sent. A part with a fault stays in sight. */
    function show(part, wanted) {
      const isShown = wanted || Boolean(part.querySelector("[aria-invalid=true]"));
      part.hidden = !isShown;
      part.querySelectorAll("input, select").forEach((input) => { input.disabled = !isShown; });
      return isShown;
    }

    // ---- Two ways to say how much: one of them at a time ----

    function pick(box, name, isByHand) {
      box.dataset.picked = name;
      box.querySelectorAll("[data-pick]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.pick === name)));
      sync();
      if (isByHand) {
        field(name).focus();
        changed();
      }
    }

    const boxes = Array.from(form.querySelectorAll("[data-either]"));
    boxes.forEach(function (box) {
      const picks = box.querySelector("[data-either-picks]");
      picks.hidden = false;
      const names = Array.from(box.querySelectorAll("[data-part]"), (part) => part.dataset.part);
      const picked = names.find((name) => field(name).getAttribute("aria-invalid") === "true") || names.find((name) => field(name).value) || picks.querySelector("[data-pick]").dataset.pick;
      box.dataset.picked = picked;
      box.querySelectorAll("[data-pick]").forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.pick === picked)));
      picks.addEventListener("click", (event) => event.target.dataset.pick && pick(box, event.target.dataset.pick, true));
    });
    const sizeBox = boxes[0];

    // ---- What can be chosen ----

    function limit(options, allowed) {
      options.forEach(function (option) {
        const isThere = !allowed || allowed.includes(option.value);
        option.disabled = !isThere;
        const place = option.closest(".form-check") || option;
        place.hidden = !isThere;
      });
    }

    function isPart() {
      if (!offer?.isWhole) return false;
      return sizeBox.dataset.picked === "notional" || /[.,]\d*[1-9]/.test(field("quantity").value);
    }

    function sync() {
      const part = isPart();
      const select = field("order_class");
      limit(Array.from(select.options), part ? ["simple"] : offer?.classes);
      if (select.selectedOptions[0]?.disabled) select.value = "simple";
      const cls = select.value || "simple";
      show(exits, !offer || offer.classes.length > 1);
      select.disabled = exits.hidden;

      const isOco = cls === "oco";
      const types = Array.from(form.querySelectorAll("input[name=type]"));
      const allowedTypes = cls !== "simple" ? ["market", "limit"] : part ? offer.partTypes : offer?.types;
      show(typeBox, !isOco);
      if (!isOco) limit(types, allowedTypes);
      let chosen = types.find((input) => input.checked);
      if (!isOco && chosen?.disabled) {
        chosen = types.find((input) => !input.disabled);
        chosen.checked = true;
        announce("Order type: " + chosen.labels[0].textContent.trim());
      }
      const type = isOco ? "oco" : chosen?.value || "market";

      form.querySelectorAll("[data-hint-for]").forEach((hint) => { hint.hidden = hint.dataset.hintFor !== type; });
      form.querySelectorAll("[data-class-hint]").forEach((hint) => { hint.hidden = hint.dataset.classHint !== cls; });
      form.querySelectorAll("[data-when]").forEach((box) => show(box, box.dataset.when.split(" ").includes(type)));
      form.querySelectorAll("[data-when-class]").forEach((box) => show(box, !exits.hidden && box.dataset.whenClass.split(" ").includes(cls)));
      boxes.forEach(function (box) {
        if (box.hidden) return;
        box.querySelectorAll("[data-part]").forEach((each) => show(each, each.dataset.part === box.dataset.picked));
      });

      const times = field("time_in_force");
      const wanted = cls !== "simple" ? offer?.groupTimes : part ? offer.partTimes : offer?.times[isOco ? "limit" : type];
      limit(Array.from(times.options), wanted);
      const usual = offer?.usualTime || "day";
      const isWrong = times.selectedOptions[0]?.disabled;
      if (isWrong || (!timeIsOwn && offer && times.value !== usual && wanted.includes(usual))) {
        times.value = !wanted || wanted.includes(usual) ? usual : wanted[0];
      }
      const mayExtend = Boolean(offer?.extended) && cls === "simple" && type === "limit" && ["day", "gtc"].includes(times.value);
      show(extended, mayExtend);
    }

    function learn() {
      const part = preview();
      const text = part?.dataset.offer;
      offer = text ? JSON.parse(text) : null;
      if (part?.dataset.title) document.getElementById("ticket-title").textContent = part.dataset.title;
      const before = contents();
      sync();
      // What was estimated was another order than the one that now stands there.
      if (before !== contents()) changed();
    }

    function changed() {
      form.dispatchEvent(new Event("input", { bubbles: true }));
    }

    /** What was wrong with a field is not said of what is typed in it now. The estimate tells what is wrong with that. */
    function forgive(input) {
      if (input.getAttribute("aria-invalid") !== "true") return;
      document.getElementById(input.id + "_error")?.remove();
      input.removeAttribute("aria-invalid");
      input.classList.remove("is-invalid");
    }
    form.addEventListener("input", (event) => event.isTrusted && forgive(event.target));

    field("time_in_force").addEventListener("input", () => { timeIsOwn = true; });
    form.addEventListener("input", sync);
    form.addEventListener("change", sync);
    learn();

    // ---- The estimate: said when it was asked for, renewed in silence when the price moves ----

    let asked = null;
    document.addEventListener("htmx:beforeRequest", function (event) {
      if (event.detail.elt.id === "order-preview") asked = contents();
    });
    let isSilent = false;
    let lastPricing = 0;
    document.addEventListener("htmx:afterSettle", function (event) {
      if (event.detail.elt.id !== "order-preview") return;
      learn();
      // Typed while the answer was on its way: the part that waited to ask for it has just been replaced.
      if (asked !== null && asked !== contents()) changed();
      const said = Array.from(preview().querySelectorAll("[data-summary]"), (line) => line.textContent.trim()).join(" ");
      if (said && !isSilent) announce(said);
      isSilent = false;
    });
    document.body.addEventListener("hf:quote", function (event) {
      const part = preview();
      if (!part || String(event.detail.id) !== part.dataset.instrument || document.hidden) return;
      if (!part.querySelector(".hf-estimate") || Date.now() - lastPricing < REPRICE) return;
      lastPricing = Date.now();
      isSilent = true;
      window.htmx.trigger(part, "hf:reprice");
    });

    // ---- Going back: what was typed stands in the address of the page that is left ----

    form.addEventListener("submit", function () {
      const here = window.location;
      if (here.pathname !== new URL(form.action).pathname) return;
      const typed = new URLSearchParams();
      new FormData(form).forEach((value, name) => {
        if (value && typeof value === "string" && !["csrfmiddlewaretoken", "step", "instrument_text"].includes(name)) typed.set(name, value.slice(0, 100));
      });
      window.history.replaceState(window.history.state, "", here.pathname + "?" + typed);
    });

    // ---- Clicks beside the form ----

    const firstPrice = () => ["stop_price", "limit_price", "trail_percent", "trail_price", "take_profit_limit_price"].map(field).find((input) => !input.disabled);

    document.addEventListener("click", function (event) {
      const take = event.target.closest("[data-take]");
      const fill = event.target.closest("[data-fill-quantity]");
      if (take) {
        const value = take.querySelector("[data-value]")?.dataset.value;
        if (!value) return;
        let input = field("limit_price");
        if (input.disabled) {
          const limitType = form.querySelector("input[name=type][value=limit]");
          if (limitType.disabled || checked("type") !== "market") return;
          limitType.checked = true;
          sync();
          input = field("limit_price");
        }
        input.value = value.includes(".") ? value.replace(/\.?0+$/, "") : value;
        changed();
        announce("Limit price " + input.value);
      } else if (fill) {
        pick(sizeBox, "quantity", false);
        field("quantity").value = fill.dataset.fillQuantity;
        forgive(field("quantity"));
        changed();
        field("quantity").focus();
      }
    });

    // ---- Keys: Alt and a letter, so that nothing typed is taken for a command ----

    function side(value) {
      const input = form.querySelector("input[name=side][value=" + value + "]");
      input.checked = true;
      input.focus();
      changed();
    }
    const KEYS = {
      KeyB: () => side("buy"),
      KeyS: () => side("sell"),
      KeyI: () => form.elements.instrument_text.select(),
      KeyT: () => form.querySelector("input[name=type]:checked")?.focus(),
      KeyQ: () => field(sizeBox.dataset.picked).select(),
      KeyA: () => pick(sizeBox, sizeBox.dataset.picked === "quantity" ? "notional" : "quantity", true),
      KeyP: () => firstPrice()?.select(),
      KeyX: () => !exits.hidden && field("order_class").focus(),
    };
    document.addEventListener("keydown", function (event) {
      if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || !KEYS[event.code] || !form.isConnected) return;
      event.preventDefault();
      KEYS[event.code]();
    });
    form.querySelectorAll("input[name=side]").forEach((input) => input.setAttribute("aria-keyshortcuts", input.value === "buy" ? "Alt+B" : "Alt+S"));
  });
})();
