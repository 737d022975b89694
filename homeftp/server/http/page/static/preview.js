// Looking at files without fetching them first: pictures, text, PDF, audio and video.

import { ask, explain } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { shown, size } from "./format.js";
import { menu, open } from "./menus.js";
import { fileUrl } from "./paths.js";
import { t } from "./words.js";

/** Bytes of a text that are shown. */
const TEXT = 262_144;
/** Pixels that a finger moves to turn to the next file. */
const SWIPE = 60;

/** Show one of `files`, and let the person turn to the others. */
export function preview(files, first, { pathOf, actionsOf, kindOf }) {
  let place = first;
  let reading = new AbortController();
  const title = h("h2", {});
  const stage = h("div", { class: "stage" });
  const save = h("a", { class: "button quiet", "aria-label": t("download"), title: t("download") }, icon("download"));
  const more = button(t("more"), "more", () => menu(more, actionsOf(files[place]).filter((item) => item)), { quiet: true, "aria-haspopup": "menu" });
  const dialog = h(
    "dialog",
    { class: "preview", "aria-label": t("preview") },
    h("header", {}, title, save, more, button(t("close"), "close", () => dialog.close(), { quiet: true })),
    stage,
  );

  function show(next) {
    place = next;
    reading.abort();
    reading = new AbortController();
    const entry = files[place];
    const path = pathOf(entry);
    const url = fileUrl(path);
    fill(title, shown(path.at(-1)), h("small", {}, `${size(entry.size)}${files.length > 1 ? ` · ${place + 1}/${files.length}` : ""}`));
    save.href = fileUrl(path, { save: 1 });
    save.download = path.at(-1);
    const turn = (step, text, picture, side) =>
      files[place + step] ? button(text, picture, () => show(place + step), { quiet: true, kind: `turn ${side}` }) : null;
    const side = ["next", "previous"].find((each) => document.activeElement?.classList.contains(each));
    fill(stage, shownAs(kindOf(entry.name), path), turn(-1, t("previous"), "back", "previous"), turn(1, t("next"), "forward", "next"));
    // the button that was pressed is a new one, or gone: keys must go on working
    if (side) (stage.querySelector(`.${side}`) ?? dialog).focus();
    else if (!dialog.contains(document.activeElement)) dialog.focus();
  }

  function cannot(text) {
    const path = pathOf(files[place]);
    return h("div", { class: "empty" }, icon("file"), h("h2", {}, text), h("a", { class: "button main", href: fileUrl(path, { save: 1 }), download: path.at(-1) }, icon("download"), h("span", {}, t("download"))));
  }

  function shownAs(kind, path) {
    const [url, name] = [fileUrl(path), path.at(-1)];
    const failed = (event) => event.target.replaceWith(cannot(t("cannot-show")));
    if (kind === "picture") return h("img", { src: url, alt: shown(name), onerror: failed });
    if (kind === "video") return h("video", { src: url, controls: true, playsinline: true, preload: "metadata", onerror: failed });
    if (kind === "audio") return h("audio", { src: url, controls: true, preload: "metadata", onerror: failed });
    if (kind === "text") return text(url);
    if (kind === "pdf") return pdf(url, name);
    return cannot(t("no-preview"));
  }

  function pdf(url, name) {
    const tab = h("a", { class: "button main", href: url, target: "_blank", rel: "noopener" }, icon("open"), h("span", {}, t("open-tab")));
    return h("div", { class: "empty" }, icon("pdf"), h("h2", {}, shown(name)), h("p", {}, t("pdf-help")), tab);
  }

  function text(url) {
    const box = h("pre", { tabindex: "0" }, t("loading"));
    const { signal } = reading;
    (async () => {
      try {
        const answer = await ask("GET", url, { headers: { Range: `bytes=0-${TEXT - 1}` }, signal });
        const bytes = new Uint8Array(await answer.arrayBuffer());
        let found = new TextDecoder().decode(bytes);
        if (bytes.includes(0)) found = new TextDecoder("utf-16").decode(bytes);
        const whole = Number(/\/(\d+)$/.exec(answer.headers.get("Content-Range") ?? "")?.[1] ?? bytes.length);
        box.textContent = found;
        if (whole > bytes.length) box.append(h("p", { class: "muted" }, t("text-cut", { size: size(TEXT) })));
      } catch (error) {
        if (error.name === "AbortError") return;
        if (error.status === 416) box.textContent = "";
        else box.replaceWith(cannot(explain(error)));
      }
    })();
    return box;
  }

  dialog.addEventListener("keydown", (event) => {
    if (event.target instanceof HTMLMediaElement) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && files[place + step]) show(place + step);
  });
  dialog.tabIndex = -1;
  let touched = null;
  stage.addEventListener("pointerdown", (event) => {
    touched = event.pointerType === "touch" && event.isPrimary ? [event.clientX, event.clientY] : null;
  });
  stage.addEventListener("pointerup", (event) => {
    if (!touched || window.visualViewport?.scale > 1) return;
    const [x, y] = [event.clientX - touched[0], event.clientY - touched[1]];
    const step = x < 0 ? 1 : -1;
    if (Math.abs(x) > SWIPE && Math.abs(x) > 2 * Math.abs(y) && files[place + step]) show(place + step);
    touched = null;
  });
  dialog.addEventListener("close", () => {
    reading.abort();
    fill(stage);
  });
  open(dialog);
  show(first);
}
