// The page's language: a catalogue from languages/NAME.json. English fills what another catalogue lacks.

const CHOICE = "homeftp-language";

let catalogue = {};
let english = {};
let plural = new Intl.PluralRules("en");
export let language = "en";
/** How dates and numbers are written: as where the reader is, if the browser says so, in this language. */
export let locale = "en-GB";
/** What can be chosen: the code of each language and its own name. */
export let languages = {};

async function load(name) {
  const answer = await fetch(`/static/languages/${name}.json`);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
}

/** The first language of the browser that there is a catalogue for, unless the person has chosen one. */
function choose() {
  const wanted = [localStorage.getItem(CHOICE), ...navigator.languages].filter(Boolean);
  for (const each of wanted) {
    const found = [each, each.split("-")[0]].find((name) => Object.hasOwn(languages, name));
    if (found) return found;
  }
  return "en";
}

/** The browser's own form of a language, such as "en-AU"; English without a country is not that of the United States. */
function localeOf(name) {
  return navigator.languages.find((each) => each.startsWith(`${name}-`)) ?? (name === "en" ? "en-GB" : name);
}

/** Load the catalogues; call it before anything is shown. */
export async function loadLanguage() {
  languages = await fetch("/static/languages/index.json").then((answer) => answer.json());
  language = choose();
  locale = localeOf(language);
  [english, catalogue] = await Promise.all([load("en"), language === "en" ? {} : load(language)]);
  plural = new Intl.PluralRules(language);
  document.documentElement.lang = language;
}

/** Use another language from now on: the page is loaded again. */
export function chooseLanguage(name) {
  localStorage.setItem(CHOICE, name);
  location.reload();
}

/** The text for a key, with {name} replaced by values. `n` chooses the plural form, and is written as a number. */
export function t(key, values = {}) {
  let text = catalogue[key] ?? english[key] ?? key;
  if (typeof text === "object") text = text[plural.select(values.n ?? 0)] ?? text.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    return typeof value === "number" ? value.toLocaleString(locale) : (value ?? whole);
  });
}

/** Whether there is a text for a key. */
export function has(key) {
  return Object.hasOwn(catalogue, key) || Object.hasOwn(english, key);
}
