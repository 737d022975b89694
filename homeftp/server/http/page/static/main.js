// Start: the language, the one-use secret of an invitation, the session; then the files or the sign-in page.

import { ask, askJson, explain, Refused, signedOut } from "./api.js";
import { button, fill, h } from "./dom.js";
import { Files } from "./files.js";
import { invitation, SignIn } from "./signin.js";
import { loadLanguage, t } from "./words.js";

class Page {
  constructor() {
    this.shown = null;
    signedOut.addEventListener("401", () => this.lostSession());
  }

  async start() {
    await loadLanguage();
    const secret = invitation();
    try {
      const session = await askJson("GET", "/api/session");
      this.showFiles(session);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.showSignIn(secret);
      else this.showProblem(error);
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

new Page().start();
