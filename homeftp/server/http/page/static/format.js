// How names, sizes and times are shown.

import { locale, t } from "./words.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];

/** Characters that turn the direction of text around, or are invisible: a name must not look like another one. */
const INVISIBLE = /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]/gu;

const formats = new Map();

/** A format of the reader's language. To make one takes much longer than to use it, and a list has thousands of values. */
function format(kind, options) {
  const key = kind.name + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new kind(locale, options));
  return formats.get(key);
}

/** A name as it is shown: characters that could disguise it are named. */
export function shown(name) {
  return name.replace(INVISIBLE, (found) => `[U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}

/** 12345678 as "12 MB", in the reader's language. */
export function size(bytes) {
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && value < 10 ? 1 : 0;
  return format(Intl.NumberFormat, {
    style: "unit",
    unit: UNITS[unit],
    unitDisplay: unit ? "short" : "long",
    maximumFractionDigits: digits,
  }).format(value);
}

/** When: the time of today, or the date. */
export function when(microseconds) {
  if (microseconds === null || microseconds === undefined) return "";
  const date = new Date(microseconds / 1000);
  const now = new Date();
  if (date.toDateString() === now.toDateString()) {
    return t("today", { time: format(Intl.DateTimeFormat, { timeStyle: "short" }).format(date) });
  }
  return format(Intl.DateTimeFormat, { dateStyle: "medium" }).format(date);
}

/** Date and time. */
export function moment(microseconds) {
  const date = new Date(microseconds / 1000);
  return format(Intl.DateTimeFormat, { dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** The kind of a file, by its name: for its picture and its preview. */
export function kindOf(name) {
  const ending = name.includes(".") ? name.split(".").pop().toLowerCase() : "";
  for (const [kind, endings] of Object.entries(ENDINGS)) if (endings.has(ending)) return kind;
  return "file";
}

const ENDINGS = {
  picture: new Set("jpg jpeg png gif webp avif bmp ico svg heic heif tif tiff".split(" ")),
  video: new Set("mp4 m4v webm mov mkv avi ogv 3gp".split(" ")),
  audio: new Set("mp3 m4a ogg oga opus flac wav aac".split(" ")),
  pdf: new Set(["pdf"]),
  text: new Set(
    "txt md log csv tsv json xml yaml yml ini conf cfg py js mjs ts css sh c h cpp rs go java rb html htm srt rst tex toml"
      .split(" "),
  ),
  archive: new Set("zip tar gz tgz bz2 xz 7z rar zst deb rpm iso".split(" ")),
  document: new Set("doc docx odt rtf xls xlsx ods ppt pptx odp epub pages numbers key".split(" ")),
};
