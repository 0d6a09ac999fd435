// A pad to draw on. What is drawn is written into the fields of the form, cell by cell, as ink from 0 to the maximum.
(() => {
  "use strict";

  const FINE = 32; // Points per cell and side: strokes are drawn finely and averaged, as scanning does.

  const start = (pad) => {
    if (pad.dataset.ready) return;
    pad.dataset.ready = "1";
    const rows = Number(pad.dataset.rows);
    const columns = Number(pad.dataset.columns);
    const maximum = Number(pad.dataset.maximum);
    const canvas = pad.querySelector("canvas");
    const form = pad.closest("form");
    const cells = () => [...form.querySelectorAll("[data-cell]")].sort((a, b) => a.dataset.cell - b.dataset.cell);
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    canvas.width = columns * FINE;
    canvas.height = rows * FINE;
    pad.hidden = false;

    const wipe = () => {
      pen.fillStyle = "#ffffff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
    };

    const showCells = () => {
      wipe();
      cells().forEach((input, place) => {
        const ink = Math.min(Math.max(Number(input.value) / maximum || 0, 0), 1);
        const gray = Math.round(255 * (1 - ink));
        pen.fillStyle = `rgb(${gray},${gray},${gray})`;
        pen.fillRect((place % columns) * FINE, Math.floor(place / columns) * FINE, FINE, FINE);
      });
    };

    const writeCells = () => {
      const pixels = pen.getImageData(0, 0, canvas.width, canvas.height).data;
      cells().forEach((input, place) => {
        const left = (place % columns) * FINE;
        const top = Math.floor(place / columns) * FINE;
        let ink = 0;
        for (let y = 0; y < FINE; y += 1) {
          for (let x = 0; x < FINE; x += 1) ink += 255 - pixels[4 * ((top + y) * canvas.width + left + x)];
        }
        const share = ink / (255 * FINE * FINE);
        input.value = String(Math.round(share * maximum));
      });
      form.dispatchEvent(new Event("input", { bubbles: true }));
    };

    let last = null;
    const place = (event) => {
      const box = canvas.getBoundingClientRect();
      return {
        x: ((event.clientX - box.left) / box.width) * canvas.width,
        y: ((event.clientY - box.top) / box.height) * canvas.height,
      };
    };
    const stroke = (from, to) => {
      pen.strokeStyle = "#000000";
      pen.lineWidth = FINE * 1.6;
      pen.lineCap = "round";
      pen.lineJoin = "round";
      pen.beginPath();
      pen.moveTo(from.x, from.y);
      pen.lineTo(to.x, to.y);
      pen.stroke();
    };

    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = place(event);
      stroke(last, last);
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const next = place(event);
      stroke(last, next);
      last = next;
    });
    const lift = () => {
      if (!last) return;
      last = null;
      writeCells();
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    pad.querySelector("[data-wipe]").addEventListener("click", () => {
      wipe();
      writeCells();
    });
    form.addEventListener("desk:filled", showCells);
    form.addEventListener("change", (event) => {
      if (event.target.matches("[data-cell]")) showCells();
    });
    showCells();
  };

  const startAll = () => document.querySelectorAll("[data-pad]").forEach(start);
  document.addEventListener("DOMContentLoaded", startAll);
  document.addEventListener("htmx:afterSettle", startAll);
})();
