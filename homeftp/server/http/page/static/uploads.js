// The panel of uploads: what waits, what is on its way and what became of it.

import { ask, explain, Refused } from "./api.js";
import { announce, button, fill, h } from "./dom.js";
import { moment, shown, size } from "./format.js";
import { choice } from "./menus.js";
import { davUrl, freeName } from "./paths.js";
import { Upload } from "./tus.js";
import { t } from "./words.js";

/** Uploads at once. A browser has six connections to a server. */
const AT_ONCE = 3;
/** Rows that are shown; the first of the others is shown when one of these has ended. */
const SHOWN = 100;

export class Uploads {
  /** `changed` is called with a folder that has got a new file, `names` gives the entries of the folder on the page. */
  constructor(changed, names) {
    this.changed = changed;
    this.names = names;
    this.items = [];
    this.answerForAll = null;
    this.asking = Promise.resolve();
    this.title = h("h2", {});
    this.overall = h("progress", { max: 1, value: 0, "aria-label": t("uploads") });
    this.list = h("ul", {});
    this.fold = button(t("close"), "close", () => this.closeOrStop(), { quiet: true });
    this.element = h("section", { class: "panel", "aria-label": t("uploads"), hidden: true }, h("header", {}, this.title, this.fold), h("div", { class: "overall" }, this.overall), this.list);
    this.leaving = (event) => {
      if (this.left.length) event.preventDefault();
    };
    window.addEventListener("beforeunload", this.leaving);
  }

  /** What has not ended. */
  get left() {
    return this.items.filter((item) => item.state === "waiting" || item.state === "sending");
  }

  close() {
    window.removeEventListener("beforeunload", this.leaving);
    for (const item of this.left) this.cancel(item);
  }

  /** Upload what a person has chosen, or dropped, into a folder. */
  async add(folder, { files, folders }) {
    const here = this.names();
    for (const { file, names } of files) {
      const path = [...folder, ...names].map((name) => name.normalize("NFC"));
      const existing = names.length === 1 ? here.get(path.at(-1)) : undefined;
      const item = { file, path, folder, sent: 0, state: "waiting", note: "", condition: "absent" };
      if (existing && sameFile(existing, file)) this.end(item, "same", t("already-there"));
      this.items.push(item);
    }
    this.element.hidden = !this.items.length;
    this.draw();
    for (let free = AT_ONCE - this.items.filter((item) => item.state === "sending").length; free > 0; free -= 1) this.next();
    for (const names of folders) await this.makeFolder(folder, names);
  }

  /** A folder that holds nothing: files bring theirs along. */
  async makeFolder(folder, names) {
    for (let depth = 1; depth <= names.length; depth += 1) {
      try {
        await ask("MKCOL", davUrl([...folder, ...names.slice(0, depth)], true));
      } catch (error) {
        if (!(error instanceof Refused && (error.status === 405 || error.status === 412))) return;
      }
    }
    this.changed(folder);
  }

  async next() {
    const item = this.items.find((each) => each.state === "waiting");
    if (!item) return;
    item.state = "sending";
    this.draw();
    await this.send(item);
    this.draw();
    if (!this.left.length) announce(this.title.textContent);
    this.next();
  }

  async send(item) {
    for (;;) {
      item.upload = new Upload(item.file, item.path, {
        condition: item.condition,
        progress: (sent) => this.moved(item, sent),
        waiting: (error) => this.note(item, error.status === 409 ? t("waits") : error.status ? explain(error) : t("waiting-network")),
      });
      try {
        await item.upload.send();
        this.end(item, "done", t("uploaded"));
        this.changed(item.path.slice(0, -1));
        return;
      } catch (error) {
        if (error.name === "AbortError") return this.end(item, "stopped", t("stopped"));
        const taken = error instanceof Refused && error.status === 412 && item.condition === "absent";
        if (!taken) return this.end(item, "failed", explain(error));
        if (!(await this.resolveTaken(item))) return this.end(item, "stopped", t("skipped-file"));
      }
    }
  }

  /** A file of that name is there: what the person wants. False: skip it. */
  async resolveTaken(item) {
    this.asking = this.asking.then(() => this.answerForAll ?? this.askAbout(item));
    const answer = await this.asking;
    if (answer === "replace") item.condition = null;
    else if (answer === "both") item.path = [...item.path.slice(0, -1), freeName(item.path.at(-1), new Set([...this.names().keys()]))];
    else return false;
    return true;
  }

  async askAbout(item) {
    const name = shown(item.path.at(-1));
    const others = this.left.length - 1;
    const all = h("input", { type: "checkbox" });
    const text = h("span", {}, await this.compared(item), t("taken-help"), others > 0 ? h("label", { class: "check" }, all, t("for-all")) : null);
    const answer = await choice(t("taken-title", { name }), text, [["", t("skip")], ["both", t("keep-both")], ["replace", t("replace"), "main"]]);
    if (all.checked) this.answerForAll = answer ?? "";
    return answer;
  }

  /** The sizes and times of the file that is there and of the one that is sent, as far as they can be known. */
  async compared(item) {
    const fact = (key, bytes, microseconds) => h("span", { class: "fact" }, t(key, { size: size(bytes), when: moment(microseconds) }));
    const facts = [fact("taken-new", item.file.size, item.file.lastModified * 1000)];
    try {
      const { headers } = await ask("HEAD", davUrl(item.path));
      facts.unshift(fact("taken-there", Number(headers.get("Content-Length")), Date.parse(headers.get("Last-Modified")) * 1000));
    } catch {
      // an account that may not read is not told
    }
    return facts;
  }

  moved(item, sent) {
    item.sent = sent;
    item.note = "";
    this.drawSoon();
  }

  note(item, text) {
    item.note = text;
    this.drawSoon();
  }

  end(item, state, note) {
    item.state = state;
    item.note = note;
    if (state === "done" || state === "same") item.sent = item.file.size;
    this.drawSoon();
  }

  cancel(item) {
    if (item.state === "waiting") this.end(item, "stopped", t("stopped"));
    else item.upload?.abort();
  }

  again(item) {
    item.state = "waiting";
    item.note = "";
    this.next();
  }

  closeOrStop() {
    if (this.left.length) {
      for (const item of this.left) this.cancel(item);
      return;
    }
    this.items = [];
    this.answerForAll = null;
    this.element.hidden = true;
  }

  // -- drawing ------------------------------------------------------------------------

  drawSoon() {
    this.drawing ??= requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.drawing);
    this.drawing = null;
    const { left } = this;
    const failed = this.items.filter((item) => item.state === "failed").length;
    const all = this.items.reduce((sum, item) => sum + item.file.size, 0);
    const sent = this.items.reduce((sum, item) => sum + (item.state === "failed" || item.state === "stopped" ? item.file.size : item.sent), 0);
    this.title.textContent = left.length ? t("uploading", { n: left.length }) : failed ? t("upload-failures", { n: failed }) : t("uploads-done", { n: this.items.length });
    this.overall.value = all ? sent / all : 1;
    this.overall.hidden = !left.length;
    this.element.classList.toggle("done", !left.length && !failed);
    this.fold.setAttribute("aria-label", t(left.length ? "stop-all" : "close"));
    this.fold.title = t(left.length ? "stop-all" : "close");
    const order = { sending: 0, failed: 1, waiting: 2, stopped: 3, done: 4, same: 5 };
    const rows = [...this.items].sort((one, other) => order[one.state] - order[other.state]).slice(0, SHOWN);
    fill(this.list, rows.map((item) => this.row(item)));
  }

  row(item) {
    const { state } = item;
    const share = item.file.size ? Math.floor((100 * item.sent) / item.file.size) : 0;
    const text = item.note || (state === "sending" ? t("sent", { share, size: size(item.file.size) }) : t("waits"));
    const kind = state === "failed" ? "state bad" : state === "done" || state === "same" ? "state good" : "state";
    const name = shown(item.path.at(-1));
    return h(
      "li",
      {},
      h("span", { class: "title", title: item.path.map(shown).join("/") }, name),
      state === "sending" ? h("progress", { max: 100, value: share, "aria-label": name }) : null,
      h("span", { class: kind }, text),
      h(
        "span",
        { class: "buttons" },
        state === "sending" || state === "waiting" ? button(t("stop-name", { name }), "close", () => this.cancel(item), { quiet: true }) : null,
        state === "failed" || state === "stopped" ? button(t("again"), null, () => this.again(item), { kind: "flat", "aria-label": t("again-name", { name }) }) : null,
      ),
    );
  }
}

/** Whether a file is there already: the same size and the same time, as far as the browser knows it. */
function sameFile(existing, file) {
  return existing.kind === "file" && existing.size === file.size && existing.mtime_us === file.lastModified * 1000;
}
