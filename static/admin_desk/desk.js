// Conveniences at the desk. Every one of them has a way that works without this file.
(() => {
  "use strict";

  const OFF = "desk-keys-off";
  const keysAreOff = () => window.localStorage.getItem(OFF) === "1";

  // Times arrive in the site's zone with the exact instant beside them; show them in the reader's.
  const localize = (root) => {
    const parts = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
    const language = navigator.language || undefined;
    const short = new Intl.DateTimeFormat(language, parts);
    const long = new Intl.DateTimeFormat(language, { ...parts, year: "numeric" });
    const year = new Date().getFullYear();
    for (const time of root.querySelectorAll("time.desk-time")) {
      const instant = new Date(time.dateTime);
      if (Number.isNaN(instant.getTime())) continue;
      time.textContent = (instant.getFullYear() === year ? short : long).format(instant);
    }
  };

  const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  const openOverrule = () => {
    const details = document.querySelector("[data-desk-open='o']");
    if (!details) return;
    details.open = true;
    details.querySelector("textarea, input:not([type=hidden])")?.focus();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || keysAreOff()) return;
    if (event.key === "Escape" && isTyping(event.target)) event.target.blur();
    if (isTyping(event.target)) return;
    if (event.key === "o" && document.querySelector("[data-desk-open='o']")) {
      event.preventDefault();
      openOverrule();
      return;
    }
    if (!["c", "j", "k"].includes(event.key)) return;
    const control = document.querySelector(`[data-desk-key="${event.key}"]`);
    if (control) {
      event.preventDefault();
      control.click();
    }
  };

  const showKeys = () => {
    const hint = document.querySelector("[data-desk-keys]");
    if (!hint) return;
    const button = hint.querySelector("[data-desk-keys-switch]");
    const name = () => {
      button.textContent = keysAreOff() ? button.dataset.on : button.dataset.off;
    };
    button.addEventListener("click", () => {
      window.localStorage.setItem(OFF, keysAreOff() ? "0" : "1");
      name();
    });
    name();
    hint.hidden = false;
  };

  // A verdict is sent once, however often its button is pressed while the next page loads.
  const sendOnce = () => {
    for (const form of document.querySelectorAll(".desk-verdict form")) {
      form.addEventListener("submit", (event) => {
        if (form.dataset.sent) event.preventDefault();
        form.dataset.sent = "1";
      });
    }
    window.addEventListener("pageshow", () => {
      for (const form of document.querySelectorAll(".desk-verdict form")) delete form.dataset.sent;
    });
  };

  const offerCopy = () => {
    for (const button of document.querySelectorAll("[data-desk-copy]")) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.querySelector(button.dataset.deskCopy).textContent.trim());
        button.textContent = button.dataset.done;
      });
    }
  };

  document.addEventListener("keydown", onKey);
  document.addEventListener("htmx:afterSwap", (event) => localize(event.target.parentElement || document));
  document.addEventListener("DOMContentLoaded", () => {
    localize(document);
    showKeys();
    sendOnce();
    offerCopy();
  });
})();
