// Signing in: with a code, with a password, or with the secret of an invitation's QR code.

import { askJson, explain, Refused } from "./api.js";
import { button, fill, h } from "./dom.js";
import { t } from "./words.js";

/** The one-use secret behind # in the address, which is taken out of the address and the history at once. */
export function invitation() {
  const given = new URLSearchParams(location.hash.slice(1)).get("secret");
  if (!location.hash.startsWith("#secret=") || !given) return null;
  history.replaceState(null, "", "/");
  return given;
}

/** What this browser is called in the list of devices, unless the person says otherwise. */
function deviceName() {
  const agent = navigator.userAgent;
  const browser = [["Edg/", "Edge"], ["Firefox/", "Firefox"], ["OPR/", "Opera"], ["Chrome/", "Chrome"], ["Safari/", "Safari"]]
    .find(([mark]) => agent.includes(mark))?.[1] ?? "Browser";
  const system = [["iPhone", "iPhone"], ["iPad", "iPad"], ["Android", "Android"], ["Windows", "Windows"], ["Mac OS", "Mac"], ["CrOS", "Chromebook"], ["Linux", "Linux"]]
    .find(([mark]) => agent.includes(mark))?.[1];
  return system ? `${browser} ${system}` : browser;
}

export class SignIn {
  constructor(secret, signedIn) {
    this.secret = secret;
    this.signedIn = signedIn;
    this.way = "code";
    this.problem = h("p", { class: "problem", role: "alert" });
    this.body = h("div", {});
    this.element = h(
      "main",
      { class: "sign-in" },
      h(
        "div",
        { class: "card" },
        h("div", { class: "brand" }, h("img", { src: "/static/icon.svg", alt: "" }), "homeftp"),
        this.body,
        h(
          "details",
          {},
          h("summary", {}, t("sign-in-safe")),
          h("p", {}, t("sign-in-unproven")),
          h("p", {}, t("sign-in-compare")),
          h("p", {}, t("sign-in-own-device")),
        ),
      ),
    );
  }

  begin() {
    document.title = `${t("sign-in")} – homeftp`;
    this.draw();
  }

  draw() {
    this.problem.textContent = "";
    if (this.secret) fill(this.body, this.invited());
    else fill(this.body, this.tabs(), this.way === "code" ? this.code() : this.password());
    this.body.querySelector("input")?.focus();
  }

  tabs() {
    const tab = (way, text) =>
      h("button", {
        type: "button",
        role: "tab",
        "aria-selected": String(this.way === way),
        onclick: () => {
          this.way = way;
          this.draw();
        },
      }, text);
    return h("div", { class: "tabs", role: "tablist" }, tab("code", t("with-code")), tab("password", t("with-password")));
  }

  field(text, attributes) {
    const input = h("input", { type: "text", autocapitalize: "none", spellcheck: "false", required: true, ...attributes });
    return h("label", { class: "field" }, h("span", {}, text), input);
  }

  name() {
    return this.field(t("device-name"), { name: "name", value: deviceName(), autocomplete: "off", maxlength: 60 });
  }

  form(title, help, fields, read) {
    const send = button(t("sign-in"), null, null, { kind: "main", type: "submit" });
    return h(
      "form",
      {
        onsubmit: async (event) => {
          event.preventDefault();
          send.disabled = true;
          await this.send(read(new FormData(event.target)));
          send.disabled = false;
        },
      },
      h("h1", {}, title),
      h("p", { class: "muted" }, help),
      fields,
      this.problem,
      send,
    );
  }

  code() {
    const code = this.field(t("code"), { name: "code", autocomplete: "one-time-code", class: "code", placeholder: "4821-guitar-pine" });
    return this.form(t("welcome"), t("code-help"), [code, this.name()], (given) => ({
      code: given.get("code").trim().toLowerCase().replace(/\s+/g, "-"),
      name: given.get("name").trim(),
    }));
  }

  password() {
    const fields = [
      this.field(t("account"), { name: "user", autocomplete: "username" }),
      this.field(t("password"), { name: "password", type: "password", autocomplete: "current-password" }),
      this.name(),
    ];
    return this.form(t("welcome"), t("password-help"), fields, (given) => ({
      user: given.get("user").trim(),
      password: given.get("password"),
      name: given.get("name").trim(),
    }));
  }

  invited() {
    return this.form(t("invited"), t("invited-help"), [this.name()], (given) => ({
      secret: this.secret,
      name: given.get("name").trim(),
    }));
  }

  async send(credentials) {
    this.problem.textContent = "";
    try {
      await askJson("POST", "/api/session", { json: credentials });
      this.signedIn(await askJson("GET", "/api/session"));
    } catch (error) {
      const refused = error instanceof Refused && error.status === 401;
      const throttled = error instanceof Refused && error.code === 51;
      this.problem.textContent = throttled ? t("error-http-429") : refused ? t(this.secret ? "secret-refused" : `${this.way}-refused`) : explain(error);
      if (refused && this.secret) {
        this.secret = null;
        const said = this.problem.textContent;
        this.draw();
        this.problem.textContent = said;
      }
    }
  }
}
