// Choosing a folder to move something into.

import { explain, lines } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { shown } from "./format.js";
import { open } from "./menus.js";
import { apiUrl } from "./paths.js";
import { language, t } from "./words.js";

/** The path of the folder that the person chooses, or null. What is moved cannot be moved into itself. */
export function folderPicker(start, moved) {
  return new Promise((answered) => {
    let path = start;
    let chosen = null;
    let reading = new AbortController();
    const title = h("h2", {});
    const list = h("ul", {});
    const here = button(t("move-here"), null, () => {
      chosen = path;
      dialog.close();
    }, { kind: "main" });
    const inMoved = (tried) => moved.some((each) => each.every((name, place) => tried[place] === name));

    async function show(next) {
      path = next;
      reading.abort();
      reading = new AbortController();
      title.textContent = t("move-title", { where: path.length ? shown(path.at(-1)) : t("files") });
      here.disabled = moved.every((each) => each.slice(0, -1).join("/") === path.join("/"));
      fill(list);
      const folders = [];
      try {
        for await (const line of lines(apiUrl("list", path), reading.signal)) {
          folders.push(...(line.entries ?? []).filter((entry) => entry.kind === "directory").map((entry) => entry.name));
        }
        folders.sort(new Intl.Collator(language, { numeric: true }).compare);
        const up = path.length ? h("li", {}, button(t("up"), "back", () => show(path.slice(0, -1)), { kind: "go" })) : null;
        const each = folders
          .filter((name) => !inMoved([...path, name]))
          .map((name) => h("li", {}, h("span", { class: "is-folder" }, icon("folder")), button(shown(name), null, () => show([...path, name]), { kind: "go" })));
        fill(list, up, each.length ? each : h("li", { class: "muted" }, t("no-folders")));
      } catch (error) {
        if (error.name !== "AbortError") fill(list, h("li", { class: "problem" }, explain(error)));
      }
    }

    const dialog = h(
      "dialog",
      { class: "sheet", "aria-label": t("move-to") },
      h("div", {}, title, h("div", { class: "scroll" }, list), h("div", { class: "choices" }, button(t("cancel"), null, () => dialog.close()), here)),
    );
    dialog.addEventListener("close", () => {
      reading.abort();
      answered(chosen);
    });
    open(dialog);
    show(start);
  });
}
