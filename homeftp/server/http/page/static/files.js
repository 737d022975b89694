// The files: header, path, list, and what can be done there. The list itself is in list.js.

import { askJson, explain, lines } from "./api.js";
import { Actions } from "./actions.js";
import { announce, button, fill, h, icon } from "./dom.js";
import { receiveDrops } from "./drops.js";
import { kindOf, shown, size } from "./format.js";
import { FileList } from "./list.js";
import { menu } from "./menus.js";
import { apiUrl, currentPath, pageUrl, thumbnailUrl } from "./paths.js";
import { preview } from "./preview.js";
import { Toasts } from "./toasts.js";
import { Uploads } from "./uploads.js";
import { chooseLanguage, language, languages, t } from "./words.js";

/** Milliseconds after the last letter before a search begins. */
const TYPING = 250;
/** Milliseconds between two looks at a folder that uploads change. */
const LOOKS = 2000;

export class Files {
  constructor(session, signOut) {
    this.session = session;
    this.signOut = signOut;
    this.path = [];
    this.words = "";
    this.stop = new AbortController();
    this.reading = new AbortController();
    this.toasts = new Toasts();
    this.uploads = new Uploads((folder) => this.changed(folder), () => this.names);
    this.actions = new Actions(this);
    this.list = new FileList({
      open: (entry) => this.open(entry),
      actionsOf: (entry) => this.actions.of(entry),
      act: (key, entry) => this.actions.byKey(key, entry),
      chosen: () => this.drawSelected(),
      href: (entry) => (entry.kind === "directory" ? pageUrl(this.pathOf(entry)) : null),
      thumbnail: (entry) => this.thumbnail(entry),
    });
    this.element = this.build();
  }

  may(...rights) {
    return !this.session.rights || rights.every((right) => this.session.rights.includes(right));
  }

  /** The path of an entry of what is shown. */
  pathOf(entry) {
    return [...this.path, ...entry.name.split("/")];
  }

  /** The URL of a file's thumbnail; null where it has none. */
  thumbnail(entry) {
    const ending = entry.name.split(".").pop().toLowerCase();
    const drawn = entry.kind === "file" && entry.name.includes(".") && this.session.thumbnails?.includes(ending);
    return drawn ? thumbnailUrl(this.pathOf(entry), `${entry.mtime_us}-${entry.size}`) : null;
  }

  /** The names in the folder that is shown. */
  get names() {
    return new Map(this.list.entries.map((entry) => [entry.name, entry]));
  }

  build() {
    this.searching = h("input", {
      type: "search",
      placeholder: t("search"),
      "aria-label": t("search-label"),
      enterkeyhint: "search",
      autocomplete: "off",
      oninput: () => this.typed(),
      onkeydown: (event) => event.key === "Escape" && this.endSearch(),
    });
    this.crumbs = h("ol", { class: "crumbs" });
    this.tools = h("div", { class: "bar" });
    this.selected = h("div", { class: "selected", role: "toolbar", "aria-label": t("selection"), hidden: true });
    this.waiting = h("div", { class: "waiting", hidden: true });
    this.said = h("div", { class: "foot" });
    this.corner = h("div", { class: "corner" }, this.toasts.element, this.uploads.element);
    const who = button(this.session.account, "person", () => this.accountMenu(who), { kind: "who", quiet: true, "aria-haspopup": "menu" });
    return h(
      "div",
      { class: "files-page" },
      h(
        "header",
        { class: "top" },
        h("a", { class: "brand", href: pageUrl([]), "aria-label": t("to-the-top") }, h("img", { src: "/static/icon.svg", alt: "" }), h("span", {}, "homeftp")),
        h("form", { class: "search", role: "search", onsubmit: (event) => event.preventDefault() }, icon("search"), this.searching),
        who,
      ),
      h("main", { class: "page" }, this.tools, this.selected, this.waiting, this.list.element, this.said),
      this.corner,
    );
  }

  /** The messages in the corner hide no row for good: the page can be scrolled until its end is above them. */
  keepClear() {
    const clear = new ResizeObserver(() => document.documentElement.style.setProperty("--corner", `${this.corner.offsetHeight}px`));
    clear.observe(this.corner);
    this.stop.signal.addEventListener("abort", () => clear.disconnect());
  }

  begin() {
    const { signal } = this.stop;
    this.keepClear();
    window.addEventListener("hashchange", () => this.go(), { signal });
    window.addEventListener("keydown", (event) => this.key(event), { signal });
    receiveDrops(
      this.element,
      () => this.may("add"),
      (found) => this.uploads.add(this.path, found),
      signal,
    );
    this.go();
  }

  close() {
    this.stop.abort();
    this.reading.abort();
    clearTimeout(this.soon);
    this.uploads.close();
  }

  go() {
    this.path = currentPath();
    this.words = "";
    this.searching.value = "";
    this.drawTools();
    return this.read();
  }

  /** Read what is shown: the folder, or the results of a search. */
  async read() {
    this.reading.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    const url = this.words ? apiUrl("search", this.path, { q: this.words }) : apiUrl("list", this.path);
    document.title = `${this.path.length ? shown(this.path.at(-1)) : "homeftp"}${this.path.length ? " – homeftp" : ""}`;
    this.list.clear(Boolean(this.words));
    this.drawSelected();
    fill(this.said);
    if (!this.may("read")) {
      this.list.complete({ picture: "upload", title: t("drop-box"), text: t("drop-box-help") });
      return;
    }
    this.waiting.hidden = false;
    const skipped = [];
    let more = false;
    try {
      for await (const line of lines(url, signal)) {
        this.list.add(line.entries ?? []);
        skipped.push(...(line.skipped ?? []));
        more = line.more ?? more;
      }
      this.list.complete(this.emptyText());
      this.drawFoot(skipped, more);
      announce(t("entries", { n: this.list.entries.length }));
    } catch (error) {
      if (error.name === "AbortError") return;
      this.list.complete(null);
      this.failed(error);
    } finally {
      if (!signal.aborted) this.waiting.hidden = true;
    }
  }

  failed(error) {
    fill(
      this.said,
      h("p", { class: "problem", role: "alert" }, explain(error)),
      button(t("try-again"), null, () => this.read()),
      this.path.length ? h("a", { class: "button", href: pageUrl([]) }, t("to-the-top")) : null,
    );
  }

  emptyText() {
    if (this.words) return { picture: "search", title: t("nothing-found"), text: t("nothing-found-help") };
    const canAdd = this.may("add");
    return { picture: "folder", title: t("empty-folder"), text: canAdd ? t("empty-folder-help") : "" };
  }

  /** Read what is shown again, and show what is different; nothing where that fails. */
  async refresh() {
    if (!this.may("read")) return;
    this.looked = Date.now();
    const { signal } = this.reading;
    const url = this.words ? apiUrl("search", this.path, { q: this.words }) : apiUrl("list", this.path);
    const entries = [];
    const skipped = [];
    let more = false;
    try {
      for await (const line of lines(url, signal)) {
        entries.push(...(line.entries ?? []));
        skipped.push(...(line.skipped ?? []));
        more = line.more ?? more;
      }
    } catch {
      return;
    }
    this.list.replace(entries, this.emptyText());
    this.drawFoot(skipped, more);
  }

  /** Something in a folder has changed: show it soon, where that folder is shown. */
  changed(folder) {
    if (!folder.join("/").startsWith(this.path.join("/"))) return;
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.refresh(), Math.max(100, (this.looked ?? 0) + LOOKS - Date.now()));
  }

  drawTools() {
    const names = this.path.map((name, place) => {
      const here = place === this.path.length - 1;
      return h("li", {}, here ? h("span", { "aria-current": "page" }, shown(name)) : h("a", { href: pageUrl(this.path.slice(0, place + 1)) }, shown(name)));
    });
    const top = this.path.length ? h("a", { href: pageUrl([]), "aria-label": t("files") }, icon("home")) : h("span", { "aria-current": "page" }, t("files"));
    fill(this.crumbs, h("li", {}, top), names);
    const sort = button(t("sort"), "sort", () => this.list.sortMenu(sort), { quiet: true, "aria-haspopup": "menu" });
    const more = button(t("more"), "more", () => menu(more, this.actions.ofFolder()), { quiet: true, "aria-haspopup": "menu" });
    const add = button(t("upload"), "upload", () => menu(add, this.actions.ofUpload()), { kind: "main grow", "aria-haspopup": "menu" });
    fill(
      this.tools,
      h("nav", { "aria-label": t("path"), class: "crumbs" }, this.crumbs),
      this.may("add") ? add : null,
      this.may("add") ? button(t("new-folder"), "new-folder", () => this.actions.newFolder(), { quiet: true }) : null,
      sort,
      more,
    );
  }

  drawSelected() {
    const chosen = this.list.chosen();
    this.selected.hidden = !chosen.length;
    if (!chosen.length) return;
    const quiet = window.matchMedia("(max-width: 44rem)").matches;
    fill(
      this.selected,
      button(t("select-none"), "close", () => this.list.choose([]), { quiet: true }),
      h("strong", {}, t("selected", { n: chosen.length })),
      button(t("download"), "download", () => this.actions.download(chosen), { kind: "flat", quiet }),
      this.may("delete") ? button(t("move"), "move", () => this.actions.move(chosen), { kind: "flat", quiet }) : null,
      this.may("delete") ? button(t("delete"), "delete", () => this.actions.remove(chosen), { kind: "flat danger", quiet }) : null,
    );
  }

  async drawFoot(skipped, more) {
    const files = this.list.entries.filter((entry) => entry.kind === "file");
    const bytes = files.reduce((sum, entry) => sum + entry.size, 0);
    const counted = h("p", {}, this.words ? t("found", { n: this.list.entries.length }) : t("summary", { n: this.list.entries.length, size: size(bytes) }));
    const free = h("p", {});
    const notes = [];
    if (more) notes.push(h("p", {}, t("found-more")));
    if (skipped.length) notes.push(h("p", { title: skipped.map(([name, why]) => `${shown(name)}: ${why}`).join("\n") }, t("skipped", { n: skipped.length })));
    fill(this.said, counted, notes, free);
    try {
      const space = await askJson("GET", "/api/space", { signal: this.reading.signal });
      free.textContent = space.read_only ? t("read-only") : space.free === null ? "" : t("free", { size: size(space.free) });
    } catch {
      // how much is free is not worth an error
    }
  }

  accountMenu(at) {
    const others = Object.entries(languages).filter(([name]) => name !== language);
    menu(at, [
      { about: [this.session.account, this.session.device ? t("on-device", { device: this.session.device }) : ""] },
      { line: true },
      { text: t("connection"), picture: "lock", act: () => this.actions.showConnection() },
      this.session.links === false ? null : { text: t("my-links"), picture: "share", act: () => this.actions.showLinks() },
      ...others.map(([name, own]) => ({ text: own, picture: "world", act: () => chooseLanguage(name), lang: name })),
      { line: true },
      { text: t("sign-out"), picture: "leave", act: this.signOut },
    ]);
  }

  // -- opening, searching, keys -----------------------------------------------------

  open(entry) {
    if (entry.kind === "directory") {
      location.hash = pageUrl(this.pathOf(entry));
      return;
    }
    const files = this.list.sorted().filter((each) => each.kind === "file");
    preview(files, files.indexOf(entry), {
      pathOf: (each) => this.pathOf(each),
      actionsOf: (each) => this.actions.of(each),
      kindOf,
    });
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => {
      const words = this.searching.value.trim();
      if (words === this.words) return;
      this.words = words;
      this.read();
    }, TYPING);
  }

  endSearch() {
    this.searching.value = "";
    this.typed();
  }

  key(event) {
    if (document.querySelector("dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof HTMLInputElement && event.target.type !== "checkbox") return;
    if (event.key === "/") {
      event.preventDefault();
      this.searching.focus();
    } else if (event.key === "Backspace" && this.path.length) {
      event.preventDefault();
      location.hash = pageUrl(this.path.slice(0, -1));
    } else if (event.key === "?") {
      this.actions.showKeys();
    }
  }
}
