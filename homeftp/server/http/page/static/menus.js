// Menus beside a button, and dialogs. Both are <dialog>: the browser keeps the focus inside, and Escape closes.

import { button, h, icon } from "./dom.js";
import { t } from "./words.js";

/** Show a dialog; it is removed when it is closed. */
export function open(dialog) {
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.classList.contains("dismissed") && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A menu at a button. Each item has a text, a picture and what it does; or is a line, or says something. */
export function menu(at, items) {
  const dialog = h("dialog", { class: "menu dismissed", "aria-label": at.getAttribute("aria-label") ?? at.textContent });
  const list = h("ul", { role: "menu" }, items.filter(Boolean).map((item) => entryOf(item, dialog)));
  dialog.append(list);
  dialog.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const choices = [...list.querySelectorAll("[role=menuitem]")];
    const place = choices.indexOf(document.activeElement);
    choices[(place + step + choices.length) % choices.length].focus();
  });
  open(dialog);
  const around = at.getBoundingClientRect();
  const own = dialog.getBoundingClientRect();
  dialog.style.left = `${Math.max(8, Math.min(around.left, window.innerWidth - own.width - 8))}px`;
  const below = around.bottom + 4;
  dialog.style.top = `${below + own.height > window.innerHeight ? Math.max(8, around.top - own.height - 4) : below}px`;
  list.querySelector("[role=menuitem]")?.focus();
  return dialog;
}

function entryOf(item, dialog) {
  if (item.line) return h("li", { class: "line", role: "separator" });
  if (item.about) return h("li", { class: "about", role: "presentation" }, h("strong", {}, item.about[0]), item.about[1]);
  const inside = [icon(item.picture), h("span", { lang: item.lang }, item.text)];
  if (item.href) {
    return h("li", { role: "none" }, h("a", { class: "item", role: "menuitem", href: item.href, download: item.download ?? null, target: item.target ?? null, rel: "noopener", onclick: () => dialog.close() }, inside));
  }
  const act = () => {
    dialog.close();
    item.act();
  };
  return h("li", { role: "none" }, h("button", { type: "button", role: "menuitem", class: item.danger ? "danger" : null, onclick: act }, inside));
}

/** A dialog with a title, anything, and buttons; closes with `closed` called. */
export function sheet(title, ...inside) {
  const heading = h("h2", {}, title);
  const dialog = h("dialog", { class: "sheet dismissed", "aria-label": title }, h("div", {}, heading, ...inside));
  return open(dialog);
}

/** Ask for something in a form. The answer is the form's data, or null; `check` may refuse with a text. */
export function question(title, fields, agree, { danger = false, check = null } = {}) {
  return new Promise((answered) => {
    let answer = null;
    const problem = h("p", { class: "problem", role: "alert" });
    const send = button(agree, null, null, { kind: danger ? "danger" : "main", type: "submit" });
    const form = h(
      "form",
      {
        method: "dialog",
        onsubmit: async (event) => {
          event.preventDefault();
          const given = new FormData(form);
          send.disabled = true;
          const wrong = check ? await check(given) : null;
          send.disabled = false;
          problem.textContent = wrong ?? "";
          if (wrong) return;
          answer = given;
          dialog.close();
        },
      },
      h("h2", {}, title),
      fields,
      problem,
      h("div", { class: "choices" }, button(t("cancel"), null, () => dialog.close()), send),
    );
    const dialog = h("dialog", { class: "sheet", "aria-label": title }, form);
    dialog.addEventListener("close", () => answered(answer));
    open(dialog);
    const input = form.querySelector("input[type=text]");
    (input ?? send).focus(); // what may stay empty must not bring up a phone's keyboard
    if (input) {
      const dot = input.value.lastIndexOf(".");
      input.setSelectionRange(0, dot > 0 ? dot : input.value.length);
    }
  });
}

/** Let the person choose one of several answers; the answer is the name of one, or null. */
export function choice(title, text, answers) {
  return new Promise((answered) => {
    let answer = null;
    const buttons = answers.map(([name, label, kind]) =>
      button(label, null, () => {
        answer = name;
        dialog.close();
      }, { kind }),
    );
    const dialog = h("dialog", { class: "sheet", "aria-label": title }, h("div", {}, h("h2", {}, title), h("p", { class: "muted" }, text), h("div", { class: "choices" }, buttons)));
    dialog.addEventListener("close", () => answered(answer));
    open(dialog);
  });
}
