// What can be done with files and folders: each is a menu entry, most have a key.

import { ask, askJson, explain, Refused } from "./api.js";
import { button, h } from "./dom.js";
import { folderPicker } from "./folders.js";
import { kindOf, shown } from "./format.js";
import { showDeleted, showVersions } from "./history.js";
import { choice, question, sheet } from "./menus.js";
import { apiUrl, davUrl, fileUrl, freeName } from "./paths.js";
import { newLink, showLinks } from "./links.js";
import { t } from "./words.js";

/** Save what a URL answers, under a name. */
export function save(url, name) {
  const link = h("a", { href: url, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
}

/** Save what a URL answers to a form with these names: a URL has no place for many. */
function saveSome(url, names) {
  const form = h("form", { method: "post", action: url, hidden: true }, names.map((name) => h("input", { name: "name", value: name })));
  document.body.append(form);
  form.submit();
  form.remove();
}

export class Actions {
  constructor(files) {
    this.files = files;
  }

  get toasts() {
    return this.files.toasts;
  }

  may(...rights) {
    return this.files.may(...rights);
  }

  // -- menus ----------------------------------------------------------------------

  /** The menu of an entry. */
  of(entry) {
    const folder = entry.kind === "directory";
    const path = this.files.pathOf(entry);
    return [
      folder ? { text: t("open"), picture: "open", act: () => this.files.open(entry) } : null,
      !folder && kindOf(entry.name) === "pdf" ? { text: t("open-tab"), picture: "open", href: fileUrl(path), target: "_blank" } : null,
      { text: t(folder ? "download-zip" : "download"), picture: "download", act: () => this.download([entry]) },
      this.canShare() ? { text: t("share"), picture: "share", act: () => newLink(path, folder, this.toasts) } : null,
      { line: true },
      this.may("delete", "add") ? { text: t("rename"), picture: "rename", act: () => this.rename(entry) } : null,
      this.may("delete", "add") ? { text: t("move-to"), picture: "move", act: () => this.move([entry]) } : null,
      folder ? { text: t("deleted-files"), picture: "history", act: () => showDeleted(path, this.files) } : { text: t("versions"), picture: "history", act: () => showVersions(path, this.files) },
      this.may("delete") ? { line: true } : null,
      this.may("delete") ? { text: t("delete"), picture: "delete", danger: true, act: () => this.remove([entry]) } : null,
    ];
  }

  /** The menu of the folder that is shown. */
  ofFolder() {
    const { path } = this.files;
    return [
      { text: t("download-folder"), picture: "download", act: () => save(apiUrl("zip", path), `${path.at(-1) ?? "homeftp"}.zip`) },
      this.canShare() && path.length ? { text: t("share-folder"), picture: "share", act: () => newLink(path, true, this.toasts) } : null,
      { text: t("deleted-files"), picture: "history", act: () => showDeleted(path, this.files) },
      { line: true },
      { text: t("keys"), picture: "text", act: () => this.showKeys() },
    ];
  }

  ofUpload() {
    const choose = (attributes) => {
      const input = h("input", { type: "file", multiple: true, hidden: true, ...attributes });
      input.addEventListener("change", () => {
        this.files.uploads.add(this.files.path, {
          files: [...input.files].map((file) => ({ file, names: (file.webkitRelativePath || file.name).split("/") })),
          folders: [],
        });
        input.remove();
      });
      document.body.append(input);
      input.click();
    };
    return [
      { text: t("upload-files"), picture: "file", act: () => choose({ class: "choose-files" }) },
      { text: t("upload-folder"), picture: "folder", act: () => choose({ class: "choose-folder", webkitdirectory: true }) },
    ];
  }

  canShare() {
    return this.files.session.links !== false;
  }

  byKey(key, entry) {
    const chosen = this.files.list.chosen();
    if (key === "Delete" && this.may("delete")) this.remove(chosen.length ? chosen : [entry]);
    if (key === "F2" && this.may("delete", "add")) this.rename(entry);
  }

  // -- what they do ------------------------------------------------------------------

  download(entries) {
    const [entry] = entries;
    const path = this.files.pathOf(entry);
    if (entries.length === 1 && entry.kind === "file") save(fileUrl(path, { save: 1 }), path.at(-1));
    else if (entries.length === 1) save(apiUrl("zip", path), `${path.at(-1)}.zip`);
    else saveSome(apiUrl("zip", this.files.path), entries.map((each) => each.name));
  }

  /** Ask for a name until it can be used; null where the person cancels. */
  name(title, value, agree, use) {
    const input = h("input", { type: "text", name: "name", value, required: true, autocomplete: "off", maxlength: 255, spellcheck: "false" });
    return question(title, h("label", { class: "field" }, h("span", {}, t("name")), input), agree, {
      check: async (given) => {
        const name = given.get("name").trim().normalize("NFC");
        if (["", ".", ".."].includes(name) || name.includes("/")) return t("bad-name");
        try {
          await use(name);
          return null;
        } catch (error) {
          const taken = error instanceof Refused && (error.status === 412 || error.status === 405);
          return taken ? t("name-taken") : explain(error);
        }
      },
    });
  }

  async newFolder() {
    let made = "";
    const done = await this.name(t("new-folder"), "", t("make"), async (name) => {
      made = name;
      await ask("MKCOL", davUrl([...this.files.path, name], true));
    });
    if (!done) return;
    await this.files.refresh();
    this.files.list.focus(made);
  }

  async rename(entry) {
    const from = this.files.pathOf(entry);
    const old = from.at(-1);
    let renamed = old;
    const done = await this.name(t("rename-title", { name: shown(old) }), old, t("rename"), async (name) => {
      renamed = name;
      if (name !== old) await this.moveOne(from, [...from.slice(0, -1), name], entry.kind);
    });
    if (!done || renamed === old) return;
    const to = [...from.slice(0, -1), renamed];
    this.toasts.say(t("renamed", { name: shown(renamed) }), [t("undo"), () => this.doing(() => this.moveOne(to, from, entry.kind))]);
    await this.files.refresh();
    this.files.list.focus(renamed);
  }

  moveOne(from, to, kind) {
    const folder = kind === "directory";
    return ask("MOVE", davUrl(from, folder), {
      headers: { Destination: `${location.origin}${davUrl(to, folder)}`, Overwrite: "F" },
    });
  }

  /** Carry something out, say what went wrong, and show the folder again. */
  async doing(work) {
    try {
      await work();
    } catch (error) {
      this.toasts.fail(error);
    }
    await this.files.refresh();
  }

  async move(entries) {
    const target = await folderPicker(this.files.path, entries.map((entry) => this.files.pathOf(entry)));
    if (!target) return;
    const moved = [];
    await this.doing(async () => {
      for (const entry of entries) {
        const from = this.files.pathOf(entry);
        let name = from.at(-1);
        for (const tried = new Set([name]); ; tried.add(name)) {
          try {
            await this.moveOne(from, [...target, name], entry.kind);
            break;
          } catch (error) {
            if (!(error instanceof Refused && error.status === 412) || tried.size > 20) throw error;
            name = freeName(from.at(-1), tried);
          }
        }
        moved.push([[...target, name], from, entry.kind]);
      }
    });
    if (!moved.length) return;
    const where = target.length ? shown(target.at(-1)) : t("files");
    this.toasts.say(t("moved", { n: moved.length, where }), [
      t("undo"),
      () => this.doing(async () => {
        for (const [to, from, kind] of moved.reverse()) await this.moveOne(to, from, kind);
      }),
    ]);
  }

  async remove(entries) {
    const folders = entries.some((entry) => entry.kind === "directory");
    if (folders || entries.length > 1) {
      const what = entries.length === 1 ? shown(entries[0].name.split("/").at(-1)) : t("entries", { n: entries.length });
      if ((await choice(t("delete-title", { what }), t("delete-help"), [["", t("cancel")], ["delete", t("delete"), "danger"]])) !== "delete") return;
    }
    const removed = [];
    await this.doing(async () => {
      for (const entry of entries) {
        const path = this.files.pathOf(entry);
        await ask("DELETE", davUrl(path, entry.kind === "directory"));
        removed.push([path, entry.kind]);
      }
    });
    if (!removed.length) return;
    const text = removed.length === 1 ? t("deleted-one", { name: shown(removed[0][0].at(-1)) }) : t("deleted", { n: removed.length });
    this.toasts.say(text, [t("undo"), () => this.restore(removed)]);
  }

  /** Put back what was removed last at each path. */
  async restore(removed) {
    await this.doing(async () => {
      for (const [path, kind] of removed) {
        try {
          await askJson("POST", apiUrl("restore", path), { json: {} });
        } catch (error) {
          if (kind !== "directory" || error.status !== 404) throw error;
          await ask("MKCOL", davUrl(path, true)); // it held no file, so that there is no version
        }
      }
      this.toasts.say(t("restored", { n: removed.length }));
    });
  }

  // -- about -----------------------------------------------------------------------

  showConnection() {
    const { fingerprint } = this.files.session;
    const dialog = sheet(
      t("connection"),
      h("p", {}, t("sign-in-unproven")),
      fingerprint ? h("div", {}, h("p", {}, t("fingerprint-help")), h("code", { class: "print" }, fingerprint)) : null,
      h("div", { class: "choices" }, button(t("close"), null, () => dialog.close(), { kind: "main" })),
    );
  }

  showLinks() {
    return showLinks(this.toasts);
  }

  showKeys() {
    const keys = ["/", "↑ ↓", "Enter", "Space", "Delete", "F2", "Backspace", "Ctrl+A", "?"];
    const dialog = sheet(
      t("keys"),
      h("div", { class: "scroll" }, h("ul", {}, keys.map((key, place) => h("li", {}, h("kbd", {}, key), h("div", {}, t(`key-${place}`)))))),
      h("div", { class: "choices" }, button(t("close"), null, () => dialog.close(), { kind: "main" })),
    );
  }
}

