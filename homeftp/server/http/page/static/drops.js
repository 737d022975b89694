// Files and folders that are dropped onto the page.

import { h, icon } from "./dom.js";
import { t } from "./words.js";

/** Call `received` with what is dropped anywhere on the page, until `signal` is aborted. */
export function receiveDrops(page, allowed, received, signal) {
  const veil = h("div", { class: "drop", hidden: true }, h("div", {}, icon("upload"), t("drop")));
  page.append(veil);
  const brings = (event) => allowed() && event.dataTransfer?.types.includes("Files");
  let inside = 0;
  const on = (name, listener) => window.addEventListener(name, listener, { signal });
  on("dragenter", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    inside += 1;
    veil.hidden = false;
  });
  on("dragleave", (event) => {
    if (!brings(event)) return;
    inside -= 1;
    veil.hidden = inside > 0 ? veil.hidden : true;
  });
  on("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = allowed() ? "copy" : "none";
  });
  on("drop", async (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    inside = 0;
    veil.hidden = true;
    if (allowed()) received(await contentsOf(event.dataTransfer));
  });
}

/** What was dropped: files, each with the names on the way to it, and folders that hold nothing. */
async function contentsOf(transfer) {
  const found = { files: [], folders: [] };
  // entries must be taken before anything is awaited: the browser forgets them
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  if (!entries.some(Boolean)) {
    found.files = [...transfer.files].map((file) => ({ file, names: [file.name] }));
    return found;
  }
  for (const entry of entries.filter(Boolean)) await walk(entry, [], found);
  return found;
}

async function walk(entry, above, found) {
  const names = [...above, entry.name];
  if (entry.isFile) {
    found.files.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), names });
    return;
  }
  const reader = entry.createReader();
  let count = 0;
  for (;;) {
    const page = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!page.length) break;
    count += page.length;
    for (const each of page) await walk(each, names, found);
  }
  if (!count) found.folders.push(names);
}
