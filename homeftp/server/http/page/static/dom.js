// Elements made from values. Text is always text: nothing here parses HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Attributes that begin with "on" are listeners; false and null leave an attribute out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "files") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A picture from icons.svg, which screen readers pass over. */
export function icon(name, extra = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${extra}`.trim());
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("viewBox", "0 0 24 24");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `/static/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** A button with a picture and a text; `quiet` shows the picture only and says the text to screen readers. */
export function button(text, picture, onclick, { kind = "", quiet = false, ...attributes } = {}) {
  return h(
    "button",
    { type: "button", class: `button ${kind} ${quiet ? "quiet" : ""}`.trim(), onclick, "aria-label": quiet ? text : null, title: quiet ? text : null, ...attributes },
    picture ? icon(picture) : null,
    quiet ? null : h("span", {}, text),
  );
}

/** Replace all that an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The same text for screen readers, said once. */
export function announce(text) {
  let region = document.getElementById("announcer");
  if (!region) {
    region = h("div", { id: "announcer", class: "for-ears", role: "status", "aria-live": "polite" });
    document.body.append(region);
  }
  region.textContent = text;
}
