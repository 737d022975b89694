// Earlier versions of a file, and files that were deleted from a folder: to look at and to put back.

import { askJson, explain, lines } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { moment, shown, size } from "./format.js";
import { sheet } from "./menus.js";
import { apiUrl, fileUrl } from "./paths.js";
import { t } from "./words.js";

/** A dialog with a list that is read from the server, a row for each item. */
async function showList(title, help, url, itemsOf, rowOf, nothing) {
  const list = h("ul", {});
  const waiting = h("div", { class: "waiting" });
  const reading = new AbortController();
  const dialog = sheet(
    title,
    h("p", { class: "muted" }, help),
    waiting,
    h("div", { class: "scroll" }, list),
    h("div", { class: "choices" }, button(t("close"), null, () => dialog.close())),
  );
  dialog.addEventListener("close", () => reading.abort());
  const items = [];
  try {
    for await (const line of lines(url, reading.signal)) items.push(...itemsOf(line));
    items.sort((one, other) => other.at_us - one.at_us);
    fill(list, items.length ? items.map((item) => rowOf(item, dialog)) : h("li", { class: "muted" }, nothing));
  } catch (error) {
    if (error.name !== "AbortError") fill(list, h("li", { class: "problem" }, explain(error)));
  }
  waiting.remove();
}

async function putBack(path, at_us, dialog, files) {
  dialog.close();
  try {
    const answer = await askJson("POST", apiUrl("restore", path), { json: at_us === null ? {} : { at_us } });
    const note = answer.refused ? ` ${t("restore-refused", { n: answer.refused })}` : "";
    files.toasts.say(t("restored-one", { name: shown(path.at(-1)) }) + note);
  } catch (error) {
    files.toasts.fail(error);
  }
  await files.refresh();
}

/** The versions of a file. */
export function showVersions(path, files) {
  const row = (version, dialog) =>
    h(
      "li",
      {},
      h("div", {}, t("until", { when: moment(version.at_us) }), h("small", {}, [size(version.size), version.mtime_us === null ? "" : t("changed-at", { when: moment(version.mtime_us) })].filter(Boolean).join(" · "))),
      h("a", { class: "button quiet", href: fileUrl(path, { at: version.at_us, save: 1 }), download: path.at(-1), "aria-label": t("download-version", { when: moment(version.at_us) }), title: t("download") }, icon("download")),
      files.may("replace") ? button(t("restore"), null, () => putBack(path, version.at_us, dialog, files)) : null,
    );
  return showList(t("versions-title", { name: shown(path.at(-1)) }), t("versions-help"), apiUrl("versions", path), (line) => line.versions ?? [], row, t("no-versions"));
}

/** What was deleted from a folder and what is beneath it. */
export function showDeleted(path, files) {
  const row = (file, dialog) =>
    h(
      "li",
      {},
      h("div", {}, shown(file.name), h("small", {}, `${t("deleted-at", { when: moment(file.at_us) })} · ${size(file.size)}`)),
      files.may("add") ? button(t("restore"), null, () => putBack([...path, ...file.name.split("/")], file.at_us, dialog, files)) : null,
    );
  return showList(t("deleted-files"), t("deleted-help"), apiUrl("deleted", path), (line) => line.files ?? [], row, t("nothing-deleted"));
}
