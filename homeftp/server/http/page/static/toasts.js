// Short messages in the corner: what was done, with a way to undo it, or what went wrong.

import { explain } from "./api.js";
import { button, h } from "./dom.js";
import { t } from "./words.js";

/** Milliseconds that a message stays: long enough to read it and to press its button. */
const STAYS = 20_000;

export class Toasts {
  constructor() {
    this.element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  }

  /** Say something; with an action as [text, what it does]. */
  say(text, action = null) {
    return this.show("toast", text, action, STAYS);
  }

  /** Say what went wrong; it stays until it is closed. */
  fail(error, doing = "") {
    return this.show("toast bad", doing ? `${doing} ${explain(error)}` : explain(error), null, 0);
  }

  show(kind, text, action, stays) {
    const close = () => toast.remove();
    const toast = h(
      "div",
      { class: kind },
      h("p", {}, text),
      action ? button(action[0], null, () => {
        close();
        action[1]();
      }) : null,
      button(t("close"), "close", close, { quiet: true }),
    );
    this.element.replaceChildren(toast);
    if (stays) setTimeout(close, stays);
    return close;
  }
}
