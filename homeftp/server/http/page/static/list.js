// The list of entries: sorted, drawn as far as it is scrolled to, with a selection, and usable with the keyboard.

import { fill, h, icon } from "./dom.js";
import { kindOf, moment, shown, size, when } from "./format.js";
import { menu } from "./menus.js";
import { language, t } from "./words.js";

/** Rows that are drawn at once: more than a screen holds. */
const ROWS = 200;
const ORDER = "homeftp-order";

const ORDERS = {
  name: (one, other, by) => by.compare(one.name, other.name),
  "newest": (one, other, by) => (other.mtime_us ?? 0) - (one.mtime_us ?? 0) || by.compare(one.name, other.name),
  "largest": (one, other, by) => other.size - one.size || by.compare(one.name, other.name),
};

export class FileList {
  constructor(calls) {
    this.calls = calls;
    this.entries = [];
    this.picked = new Set();
    this.order = Object.hasOwn(ORDERS, localStorage.getItem(ORDER)) ? localStorage.getItem(ORDER) : "name";
    this.collator = new Intl.Collator(language, { numeric: true, sensitivity: "base" });
    this.rows = h("div", {
      class: "files",
      role: "grid",
      "aria-label": t("files"),
      "aria-multiselectable": "true",
      onkeydown: (event) => this.key(event),
      onfocusin: (event) => this.focused(event),
    });
    this.all = h("input", { type: "checkbox", "aria-label": t("select-all"), onchange: () => this.choose(this.all.checked ? this.entries : []) });
    this.heads = h("div", { class: "heads" });
    this.end = h("div", {});
    this.element = h("div", {}, this.heads, this.rows, this.end);
    new IntersectionObserver((seen) => seen.some((each) => each.isIntersecting) && this.more(), { rootMargin: "800px" }).observe(this.end);
    this.drawHeads();
  }

  drawHeads() {
    const head = (order, text, kind) =>
      h("button", { type: "button", class: kind, "aria-pressed": String(this.order === order), onclick: () => this.sortBy(order) }, text);
    fill(this.heads, h("div", {}, this.all), h("div", {}), head("name", t("name"), ""), head("largest", t("size"), "figure"), head("newest", t("changed"), "figure"));
  }

  clear(isSearch) {
    this.isSearch = isSearch;
    this.entries = [];
    this.order_ = null;
    this.drawn = 0;
    this.picked.clear();
    this.all.checked = false;
    this.rows.inert = true; // what is shown until the first entries come belongs to another folder
    this.heads.hidden = true;
  }

  add(entries) {
    const first = !this.entries.length;
    this.entries.push(...entries);
    this.order_ = null;
    if (first && entries.length) {
      this.drawn = 0;
      this.rows.inert = false;
      fill(this.rows);
      this.more();
    }
  }

  /** Show other entries of the same folder: selection, focus and place stay what they are. */
  replace(entries, empty) {
    const focused = this.rows.contains(document.activeElement) ? document.activeElement.closest(".row")?.entry?.name : undefined;
    const there = new Set(entries.map((entry) => entry.name));
    this.entries = entries;
    this.picked = new Set([...this.picked].filter((name) => there.has(name)));
    this.complete(empty);
    this.mark();
    if (focused !== undefined) this.focus(focused);
  }

  /** All entries are there; `empty` says what is shown where there are none. */
  complete(empty) {
    this.order_ = null;
    this.rows.inert = false;
    this.redraw();
    this.heads.hidden = !this.entries.length;
    this.rows.hidden = false;
    if (!this.entries.length && empty) {
      fill(this.rows, h("div", { class: "empty" }, icon(empty.picture), h("h2", {}, empty.title), h("p", {}, empty.text)));
    } else if (!this.entries.length) {
      this.rows.hidden = true;
    }
  }

  /** The entries in the order in which they are shown: folders first. */
  sorted() {
    if (!this.order_) {
      const compare = ORDERS[this.order];
      this.order_ = [...this.entries].sort(
        (one, other) => (one.kind !== other.kind ? (one.kind === "directory" ? -1 : 1) : compare(one, other, this.collator)),
      );
    }
    return this.order_;
  }

  sortBy(order) {
    this.order = order;
    localStorage.setItem(ORDER, order);
    this.order_ = null;
    this.drawHeads();
    this.redraw();
  }

  sortMenu(at) {
    menu(at, Object.keys(ORDERS).map((order) => ({ text: t(`by-${order}`), picture: this.order === order ? "check" : "sort", act: () => this.sortBy(order) })));
  }

  redraw() {
    const shownRows = Math.max(this.drawn, ROWS);
    this.drawn = 0;
    fill(this.rows);
    this.rows.setAttribute("aria-rowcount", this.entries.length);
    this.more(shownRows);
  }

  more(count = ROWS) {
    const next = this.sorted().slice(this.drawn, this.drawn + count);
    if (!next.length) return;
    this.rows.append(...next.map((entry, place) => this.row(entry, this.drawn + place)));
    this.drawn += next.length;
  }

  row(entry, place) {
    const name = entry.name.split("/").at(-1);
    const kind = entry.kind === "directory" ? "folder" : kindOf(name);
    const label = shown(name);
    const tab = place ? "-1" : "0";
    const pick = h("input", {
      type: "checkbox",
      "aria-label": t("select-name", { name: label }),
      checked: this.picked.has(entry.name),
      tabindex: "-1",
      onchange: () => this.pick(entry, pick.checked),
    });
    const open = h(
      "a",
      {
        href: this.calls.href(entry) ?? "#",
        tabindex: tab,
        draggable: "false",
        onclick: (event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
          event.preventDefault();
          this.calls.open(entry);
        },
      },
      h("bdi", {}, label),
    );
    const more = h(
      "button",
      { type: "button", class: "button quiet", tabindex: "-1", "aria-label": t("actions-of", { name: label }), "aria-haspopup": "menu", onclick: () => menu(more, this.calls.actionsOf(entry)) },
      icon("more"),
    );
    const bytes = entry.kind === "file" ? size(entry.size) : "";
    const changed = when(entry.mtime_us);
    const where = this.isSearch && entry.name.includes("/") ? h("span", { class: "where" }, shown(entry.name.slice(0, -name.length - 1))) : null;
    const row = h(
      "div",
      { class: this.picked.has(entry.name) ? "row chosen" : "row", role: "row", "aria-rowindex": place + 1, "aria-selected": String(this.picked.has(entry.name)) },
      h("label", { class: "pick", role: "gridcell" }, pick),
      h("div", { class: `sign is-${kind}`, role: "presentation" }, this.sign(entry, kind)),
      h("div", { class: "name", role: "gridcell" }, open, where, h("span", { class: "about" }, [bytes, changed].filter(Boolean).join(" · ")), entry.damaged ? h("span", { class: "where problem" }, t("damaged")) : null),
      h("div", { class: "figure", role: "gridcell" }, bytes),
      h("div", { class: "figure", role: "gridcell", title: entry.mtime_us === null ? null : moment(entry.mtime_us) }, changed),
      h("div", { role: "gridcell" }, more),
    );
    row.entry = entry;
    return row;
  }

  /** A small picture of a picture where the server draws one; else the sign of its kind. */
  sign(entry, kind) {
    const url = this.calls.thumbnail(entry);
    if (!url) return icon(kind);
    return h("img", { src: url, alt: "", loading: "lazy", decoding: "async", onerror: (event) => event.target.replaceWith(icon(kind)) });
  }

  // -- selection ------------------------------------------------------------------

  chosen() {
    return this.sorted().filter((entry) => this.picked.has(entry.name));
  }

  pick(entry, chosen) {
    if (chosen) this.picked.add(entry.name);
    else this.picked.delete(entry.name);
    this.mark();
  }

  choose(entries) {
    this.picked = new Set(entries.map((entry) => entry.name));
    this.mark();
  }

  mark() {
    for (const row of this.rows.children) {
      const chosen = this.picked.has(row.entry?.name);
      row.classList.toggle("chosen", chosen);
      row.setAttribute("aria-selected", String(chosen));
      const pick = row.querySelector("input");
      if (pick) pick.checked = chosen;
    }
    this.all.checked = this.entries.length > 0 && this.picked.size === this.entries.length;
    this.all.indeterminate = this.picked.size > 0 && !this.all.checked;
    this.calls.chosen();
  }

  // -- keyboard: one stop for Tab, arrows inside -----------------------------------

  focused(event) {
    for (const each of this.rows.querySelectorAll('[tabindex="0"]')) each.tabIndex = -1;
    event.target.tabIndex = 0;
  }

  key(event) {
    const row = event.target.closest(".row");
    if (!row) return;
    const cells = (of) => [...of.querySelectorAll("input, a, button")];
    const column = cells(row).indexOf(event.target);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      if (step > 0) this.more(step === Infinity ? this.entries.length : ROWS);
      const place = [...this.rows.children].indexOf(row);
      const last = this.rows.children.length - 1;
      const target = this.rows.children[Math.min(last, Math.max(0, place + step))];
      if (event.shiftKey) this.pick(target.entry, true);
      cells(target)[column].focus();
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      cells(row)[column + (event.key === "ArrowRight" ? 1 : -1)]?.focus();
    } else if (event.key === " " && event.target.tagName === "A") {
      event.preventDefault();
      this.pick(row.entry, !this.picked.has(row.entry.name));
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      this.choose(this.entries);
    } else if (event.key === "Delete" || event.key === "F2") {
      event.preventDefault();
      this.calls.act(event.key, row.entry);
    }
  }

  /** Put the focus on an entry, or on the first. */
  focus(name) {
    const place = Math.max(0, this.sorted().findIndex((entry) => entry.name === name));
    if (place >= this.drawn) this.more(place - this.drawn + ROWS);
    this.rows.children[place]?.querySelector("a")?.focus();
  }
}
