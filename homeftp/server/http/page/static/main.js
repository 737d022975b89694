// The page: the language, the one-use secret of an invitation, the session; then the files or the sign-in page.

import { ask, askJson, explain, Refused, signedOut } from "./api.js";
import { button, fill, h } from "./dom.js";
import { Files } from "./files.js";
import { invitation, SignIn } from "./signin.js";
import { loadLanguage, t } from "./words.js";

/** Milliseconds between tries while the server ends a login of this browser: its next one sees what was changed. */
const WAITS = [500, 1500, 4500];

export class Page {
  constructor() {
    this.shown = null;
    signedOut.addEventListener("401", () => this.lostSession());
  }

  async start() {
    await loadLanguage();
    const secret = invitation();
    for (const wait of [...WAITS, null]) {
      try {
        this.showFiles(await askJson("GET", "/api/session"));
        return;
      } catch (error) {
        if (error instanceof Refused && error.status === 401) return void this.showSignIn(secret);
        if (wait === null || error.status !== 403) return void this.showProblem(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  show(view) {
    this.shown?.close?.();
    this.shown = view;
    fill(document.body, view.element);
    view.begin?.();
  }

  showSignIn(secret = null) {
    this.show(new SignIn(secret, (session) => this.showFiles(session)));
  }

  showFiles(session) {
    this.show(new Files(session, () => this.signOut()));
  }

  showProblem(error) {
    this.show({
      element: h(
        "main",
        { class: "empty" },
        h("h1", {}, t("not-reached")),
        h("p", {}, explain(error)),
        button(t("try-again"), null, () => location.reload(), { kind: "main" }),
      ),
    });
  }

  async signOut() {
    try {
      await ask("DELETE", "/api/session");
    } catch {
      // the session may have ended already
    }
    location.hash = "";
    this.showSignIn();
  }

  /** A request was refused because the session has ended: sign in again, unless that is what is shown. */
  lostSession() {
    if (this.shown instanceof Files) this.showSignIn();
  }
}
