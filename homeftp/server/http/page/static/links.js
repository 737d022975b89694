// Share links: making one, and the list of those that there are.

import { ask, askJson, explain } from "./api.js";
import { button, fill, h } from "./dom.js";
import { moment, shown } from "./format.js";
import { question, sheet } from "./menus.js";
import { t } from "./words.js";

/** Ask how a file or folder is to be shared, make the link, and show it. */
export async function newLink(path, folder, toasts) {
  const days = h("select", { name: "days" }, [1, 7, 30, 365].map((n) => h("option", { value: n, selected: n === 7 }, t("days", { n }))));
  let url = "";
  const fields = [
    h("p", { class: "muted" }, t(folder ? "share-folder-help" : "share-file-help")),
    h("label", { class: "field" }, h("span", {}, t("valid-for")), days),
    h("label", { class: "field" }, h("span", {}, t("link-password")), h("input", { type: "password", name: "password", minlength: 8, maxlength: 1024, autocomplete: "new-password" })),
    h("label", { class: "check" }, h("input", { type: "checkbox", name: "once" }), t("only-once")),
    folder ? h("label", { class: "check" }, h("input", { type: "checkbox", name: "upload" }), t("may-upload")) : null,
  ];
  const done = await question(t("share-title", { name: shown(path.at(-1)) }), fields, t("make-link"), {
    check: async (given) => {
      try {
        const link = { path: path.join("/"), days: Number(given.get("days")), once: given.has("once"), upload: given.has("upload") };
        if (given.get("password")) link.password = given.get("password");
        ({ url } = await askJson("POST", "/api/links", { json: link }));
        return null;
      } catch (error) {
        return error.status === 403 ? t("links-forbidden") : explain(error);
      }
    },
  });
  if (done) showUrl(url, toasts);
}

function showUrl(url, toasts) {
  const input = h("input", { type: "text", readonly: true, value: url, "aria-label": t("link"), onfocus: () => input.select() });
  const copy = async () => {
    input.select();
    try {
      await navigator.clipboard.writeText(url);
      toasts.say(t("link-copied"));
    } catch {
      toasts.say(t("link-copy-self"));
    }
  };
  // a phone offers its own programs; that the person chooses none of them is no error
  const send = () => navigator.share({ url }).catch(() => {});
  const dialog = sheet(
    t("link-ready"),
    h("p", { class: "muted" }, t("link-ready-help")),
    h("div", { class: "link" }, input, button(t("copy"), "copy", copy)),
    h(
      "div",
      { class: "choices" },
      button(t("close"), null, () => dialog.close(), { kind: navigator.share ? "" : "main" }),
      navigator.share ? button(t("send-link"), "share", send, { kind: "main" }) : null,
    ),
  );
  input.scrollLeft = 0;
}

/** What a link is for, and whether and how long it works. */
function about(link) {
  const until = { when: moment(link.expires_us) };
  return [
    link.upload ? t("link-drop-box") : "",
    link.password ? t("link-with-password") : "",
    link.state === "open" && link.uses_left !== null ? t("link-uses", { n: link.uses_left }) : "",
    link.state === "open" ? t("valid-until", until) : t(`link-${link.state}`, until),
  ].filter(Boolean).join(" · ");
}

/** The links of this account, each with a button that ends it. */
export async function showLinks(toasts) {
  const list = h("ul", {});
  const dialog = sheet(
    t("my-links"),
    h("div", { class: "scroll" }, list),
    h("div", { class: "choices" }, button(t("close"), null, () => dialog.close(), { kind: "main" })),
  );
  const draw = async () => {
    try {
      const found = await askJson("GET", "/api/links");
      const links = Array.isArray(found) ? found : found.links;
      const rows = links.map((link) =>
        h(
          "li",
          {},
          h("div", {}, shown(link.path), h("small", {}, about(link))),
          button(t("end-link"), null, async () => {
            try {
              await ask("DELETE", `/api/links/${encodeURIComponent(link.id)}`);
              toasts.say(t("link-ended"));
              await draw();
            } catch (error) {
              toasts.fail(error);
            }
          }),
        ),
      );
      fill(list, rows.length ? rows : h("li", { class: "muted" }, t("no-links")));
    } catch (error) {
      fill(list, h("li", { class: "problem" }, error.status === 403 ? t("links-forbidden") : explain(error)));
    }
  };
  await draw();
}
