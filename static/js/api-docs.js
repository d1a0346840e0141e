/* The two pages of the API's description: each knows light and dark by a way of its own. Loaded behind the page and before what draws it. */
(function () {
  "use strict";
  const root = document.documentElement;

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  // Swagger UI looks for a class, and hears of a change.
  function swagger() {
    root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark");
  }

  // Redoc reads its colours once, before it draws.
  function redoc() {
    const place = document.querySelector("redoc");
    if (!place || root.dataset.bsTheme !== "dark") return;
    const ink = colour("--hf-ink"), soft = colour("--hf-ink-2"), surface = colour("--hf-surface"), raised = colour("--hf-surface-2");
    place.setAttribute("theme", JSON.stringify({
      colors: {
        primary: { main: colour("--hf-brand") },
        text: { primary: ink, secondary: soft },
        border: { dark: colour("--hf-line"), light: raised },
        gray: { 50: raised, 100: colour("--hf-surface-3") },
        responses: {
          success: { tabTextColor: ink, color: ink, backgroundColor: raised },
          error: { tabTextColor: ink, color: ink, backgroundColor: raised },
          info: { color: ink, backgroundColor: raised },
        },
      },
      schema: { nestedBackground: raised, linesColor: soft, typeNameColor: soft, typeTitleColor: soft, requireLabelColor: colour("--hf-loss") },
      sidebar: { backgroundColor: surface, textColor: ink, activeTextColor: ink },
      rightPanel: { backgroundColor: surface, textColor: ink },
      codeBlock: { backgroundColor: colour("--hf-bg") },
      typography: { code: { color: ink, backgroundColor: raised }, links: { color: colour("--hf-brand") } },
    }));
  }

  // Redoc shows its maker's mark from an address elsewhere. Nothing here asks anybody else, so it gets ours, hidden by the style.
  function marks() {
    const ours = document.querySelector("link[rel=icon]").href;
    const here = (address) => (/^https?:/.test(address) && new URL(address).origin !== location.origin ? ours : address);
    const images = HTMLImageElement.prototype;
    const src = Object.getOwnPropertyDescriptor(images, "src");
    Object.defineProperty(images, "src", { ...src, set(address) { src.set.call(this, here(address)); } });
    images.setAttribute = function (name, value) {
      Element.prototype.setAttribute.call(this, name, name === "src" ? here(value) : value);
    };
  }

  swagger();
  marks();
  document.addEventListener("hf:theme", swagger);
  redoc();
})();
