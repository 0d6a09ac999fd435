// The upload page: what was chosen, with sizes and what each file probably is. The page works without it.
(() => {
  "use strict";

  // Several files for one field: choosing again adds, each can be left out again.
  const files = (field) => {
    const input = field.querySelector("input[type=file]");
    const list = field.querySelector(".chosen");
    const drop = field.querySelector(".drop");
    if (!input || !list || typeof DataTransfer === "undefined") return;
    let chosen = [...input.files];

    const role = (name) => {
      const ending = name.toLowerCase().split(".").pop();
      if (ending === "csv" || ending === "tsv") return field.dataset.roleTable;
      if (ending === "json" || ending === "txt" || ending === "md") return field.dataset.roleList;
      if (ending === "zip" || ending === "whl") return field.dataset.roleArchive;
      return ending === "onnx" ? field.dataset.roleGraph : field.dataset.roleObject;
    };
    const size = (bytes) => {
      if (bytes === 0) return field.dataset.empty;
      const unit = bytes < 1e3 ? "byte" : bytes < 1e6 ? "kilobyte" : "megabyte";
      const scale = { byte: 1, kilobyte: 1e3, megabyte: 1e6 }[unit];
      const digits = bytes / scale < 10 && scale > 1 ? 1 : 0;
      return new Intl.NumberFormat(document.documentElement.lang || undefined, {
        style: "unit", unit, unitDisplay: "short", maximumFractionDigits: digits,
      }).format(bytes / scale);
    };
    const part = (kind, words) => {
      const span = document.createElement("span");
      span.className = kind;
      span.textContent = words;
      return span;
    };
    const keep = () => {
      const transfer = new DataTransfer();
      chosen.forEach((file) => transfer.items.add(file));
      input.files = transfer.files;
      show();
    };
    const show = () => {
      list.replaceChildren(...chosen.map((file, place) => {
        const item = document.createElement("li");
        const leave = document.createElement("button");
        leave.type = "button";
        leave.className = "button quiet small";
        leave.textContent = field.dataset.remove;
        leave.setAttribute("aria-label", `${field.dataset.remove}: ${file.name}`);
        leave.addEventListener("click", () => {
          chosen.splice(place, 1);
          keep();
          (list.querySelectorAll("button")[Math.min(place, chosen.length - 1)] || input).focus();
        });
        item.append(part("chosen-name", file.name), part("chosen-role", role(file.name)), part("chosen-size number", size(file.size)), leave);
        return item;
      }));
      list.hidden = chosen.length === 0;
    };
    const same = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
    const add = (more) => {
      for (const file of more) if (!chosen.some((held) => same(held, file))) chosen.push(file);
      keep();
    };
    input.addEventListener("change", () => add([...input.files]));
    field.querySelector(".drop-words").hidden = false;
    show();
    ["dragenter", "dragover"].forEach((kind) => drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.dataset.over = "1";
    }));
    ["dragleave", "drop"].forEach((kind) => drop.addEventListener(kind, () => { delete drop.dataset.over; }));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      add([...event.dataTransfer.files]);
    });
  };

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-drop]").forEach(files));
})();
