// What pages do better with JavaScript. Every page works without it.
(() => {
  "use strict";

  // Once per element and kind of work: htmx announces parts of a page that were seen before.
  const seen = new Map();
  const each = (root, selector, work) => {
    if (!seen.has(selector)) seen.set(selector, new WeakSet());
    const done = seen.get(selector);
    const meet = (element) => {
      if (done.has(element)) return;
      done.add(element);
      work(element);
    };
    if (root.matches && root.matches(selector)) meet(root);
    root.querySelectorAll(selector).forEach(meet);
  };

  // Times in the reader's zone, the exact instant on hover.
  const shown = new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
    dateStyle: "medium",
    timeStyle: "short",
  });
  const exact = new Intl.DateTimeFormat(document.documentElement.lang || undefined, {
    dateStyle: "long",
    timeStyle: "long",
  });
  const localize = (time) => {
    const instant = new Date(time.dateTime);
    if (Number.isNaN(instant.getTime())) return;
    time.title = `${exact.format(instant)} (${instant.toISOString()})`;
    time.textContent = shown.format(instant);
  };

  // Copy buttons: hidden until there is something to make them work.
  const copy = (button) => {
    const source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) return;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const before = button.textContent;
      try {
        await navigator.clipboard.writeText(source.textContent);
        button.textContent = button.dataset.done;
      } catch {
        window.getSelection().selectAllChildren(source);
        button.textContent = button.dataset.failed;
      }
      setTimeout(() => { button.textContent = before; }, 2000);
    });
  };

  const zone = (input) => {
    input.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  };

  // A second press while the first is on its way sends nothing.
  const once = (form) => {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      if (!form.hasAttribute("hx-post")) form.dataset.sent = "1";
    });
  };

  const enhance = (root) => {
    each(root, "time[data-local]", localize);
    each(root, "[data-copy]", copy);
    each(root, "input[data-zone]", zone);
    each(root, "form[data-once]", once);
    each(root, "form[data-case]", watchCase);
    each(root, "[data-clear]", clearable);
  };

  // An answer beside inputs that have changed since says so.
  const watchCase = (form) => {
    form.addEventListener("input", () => {
      const answer = document.querySelector("#answer .answer");
      if (answer) answer.dataset.stale = "1";
    });
  };

  const clearable = (link) => {
    link.addEventListener("click", (event) => {
      const form = link.closest("form");
      if (!form) return;
      event.preventDefault();
      form.querySelectorAll("input[type=text], textarea").forEach((input) => { input.value = ""; });
      form.querySelectorAll("input[type=radio]").forEach((input) => { input.checked = input.value === ""; });
      form.querySelectorAll("select").forEach((input) => { input.selectedIndex = 0; });
      form.dispatchEvent(new Event("input", { bubbles: true }));
      form.dispatchEvent(new CustomEvent("desk:filled", { bubbles: true }));
      const first = form.querySelector("input[type=text], textarea, select");
      if (first) first.focus();
    });
  };

  const settle = () => {
    const summary = document.querySelector("[data-focus]");
    if (summary) summary.focus();
  };

  document.addEventListener("DOMContentLoaded", () => { enhance(document); settle(); });
  window.addEventListener("pageshow", () => {
    document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
  });
  document.addEventListener("htmx:load", (event) => enhance(event.detail.elt));
  document.addEventListener("htmx:afterSettle", () => settle());

  // Below the form on a narrow screen, the answer is brought into view.
  document.addEventListener("htmx:afterSwap", (event) => {
    const place = event.detail.target;
    if (!place || place.id !== "answer") return;
    const top = place.getBoundingClientRect().top;
    if (top > window.innerHeight * 0.8 || top < 0) {
      const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
      place.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
    }
  });

  // The server could not be reached at all: say so where the answer would have been.
  const unreachable = () => {
    const text = document.getElementById("unreachable");
    const place = document.getElementById("answer");
    if (text && place) place.replaceChildren(text.content.cloneNode(true));
  };
  document.addEventListener("htmx:sendError", unreachable);
  document.addEventListener("htmx:timeout", unreachable);
})();
