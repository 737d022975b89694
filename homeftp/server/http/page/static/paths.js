// Paths: arrays of names, from the top of the account. The address bar has them behind #/.

/** The names of a path, as part of a URL. */
export function encoded(path) {
  return path.map(encodeURIComponent).join("/");
}

/** The URL that a file is shown from; with `save` a browser saves it, with `at` it is the version until that time. */
export function fileUrl(path, query = {}) {
  const asked = new URLSearchParams(query).toString();
  return `/file/${encoded(path)}${asked ? `?${asked}` : ""}`;
}

/** The URL of a small picture of a file; another `state` of the file has another one. */
export function thumbnailUrl(path, state) {
  return `/thumbnail/${encoded(path)}?${new URLSearchParams({ state })}`;
}

/** The URL that a file or a folder is changed at, by the verbs of WebDAV. */
export function davUrl(path, folder = false) {
  return `/dav/${encoded(path)}${folder && path.length ? "/" : ""}`;
}

/** The URL of a call of the JSON API about a path. */
export function apiUrl(call, path, query = {}) {
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) for (const each of [value].flat()) asked.append(name, each);
  const behind = asked.toString();
  return `/api/${call}/${encoded(path)}${behind ? `?${behind}` : ""}`;
}

/** Where the page shows a folder. */
export function pageUrl(path) {
  return `#/${encoded(path)}`;
}

/** The folder that the address bar names; the top where it names none. */
export function currentPath() {
  const fragment = location.hash;
  if (!fragment.startsWith("#/")) return [];
  try {
    return fragment.slice(2).split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return [];
  }
}

/** A name that is free in a folder: "a (2).txt". */
export function freeName(name, taken) {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let number = 2; ; number += 1) {
    const tried = `${stem} (${number})${ending}`;
    if (!taken.has(tried)) return tried;
  }
}
