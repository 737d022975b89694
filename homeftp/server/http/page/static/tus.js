// One file on its way to the server, by tus 1.0: begun, sent, and resumed where the network was lost.
//
// The upload's URL says what it is: path, size, time, and the hash where it is known. A small file is hashed first, so
// that the server can compare before it stores. A large one is hashed by a worker while it is sent: what arrived
// earlier is continued only if it has the hash of this file's beginning, and what was stored is compared at the end.

import { Refused } from "./api.js";
import { encoded } from "./paths.js";
import { t } from "./words.js";

/** Bytes of a file that is hashed before it is sent: the browser does that in memory, in a moment. */
const SMALL = 16 * 1024 * 1024;
/** Milliseconds between two tries. */
const WAITS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000];
/** Milliseconds without progress after which a request is given up: a network that is gone tells nobody. */
const STALLS = 60_000;
const ALWAYS = { "Tus-Resumable": "1.0.0", "X-Homeftp": "1", Accept: "application/json" };

/** The file was changed, or cannot be read any more, on this device. */
export class Unreadable extends Error {}

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

/** Hashes the beginnings of one file in a worker, which is made when it is needed. */
class Hasher {
  constructor(file) {
    this.file = file;
    this.waiting = new Map();
    this.count = 0;
  }

  hash(end) {
    if (!this.worker) {
      this.worker = new Worker("/static/hashing.js", { type: "module" });
      this.worker.onmessage = ({ data }) => {
        const { resolve, reject } = this.waiting.get(data.id);
        this.waiting.delete(data.id);
        if (data.failed) reject(new Unreadable(t("error-unreadable")));
        else resolve(data.hash);
      };
      this.worker.onerror = () => {
        for (const { reject } of this.waiting.values()) reject(new Unreadable(t("error-unreadable")));
        this.waiting.clear();
      };
    }
    return new Promise((resolve, reject) => {
      this.count += 1;
      this.waiting.set(this.count, { resolve, reject });
      this.worker.postMessage({ id: this.count, file: this.file, end });
    });
  }

  close() {
    this.worker?.terminate();
  }
}

export class Upload {
  /** `condition` is "absent" where nothing may be there yet; `progress` is called with the bytes that have arrived. */
  constructor(file, path, { condition = null, progress = () => {}, waiting = () => {} } = {}) {
    this.file = file;
    this.path = path;
    this.condition = condition;
    this.progress = progress;
    this.waiting = waiting;
    this.stop = new AbortController();
    this.patience = STALLS; // doubled when it was too short: the server may be reading what arrived earlier
    this.hasher = new Hasher(file);
  }

  /** End it; what has arrived is kept by the server for a day. */
  abort() {
    this.stop.abort();
  }

  /** Send the file, however often that needs to be begun again. Raises Refused, Unreadable and AbortError. */
  async send() {
    const { file } = this;
    try {
      let hash = null;
      if (file.size <= SMALL) hash = await this.wholeHash();
      else this.whole = this.hasher.hash(file.size).catch((error) => error);
      this.url = this.address(hash);
      let stored = null;
      try {
        stored = await this.trying(() => (hash === null ? this.resumed() : this.begun()));
      } catch (error) {
        // a browser may send a request again by itself, after the first one has stored the file
        if (error.status === 412 && this.condition === "absent") stored = await this.storedHash();
        if (stored === null || stored !== (hash ?? (await this.whole))) throw error;
      }
      const here = hash ?? (await this.whole);
      if (here instanceof Error) throw here;
      if (stored && stored !== here) throw new Unreadable(t("error-arrived-different"));
      return here;
    } finally {
      this.hasher.close();
    }
  }

  async wholeHash() {
    try {
      const digest = await crypto.subtle.digest("SHA-256", await this.file.arrayBuffer());
      return `sha256:${[...new Uint8Array(digest)].map((each) => each.toString(16).padStart(2, "0")).join("")}`;
    } catch {
      throw new Unreadable(t("error-unreadable"));
    }
  }

  address(hash) {
    const { file, path, condition } = this;
    const query = new URLSearchParams({ size: file.size, mtime_us: file.lastModified * 1000 });
    if (hash) query.set("hash", hash);
    if (condition) query.set("if", condition);
    return `/upload/${encoded(path)}?${query}`;
  }

  /** Try again while the reason may pass: the network, a busy server, another connection that still sends this file. */
  async trying(send) {
    for (let tries = 0; ; ) {
      const before = this.arrived ?? 0;
      try {
        return await send();
      } catch (error) {
        if (!(error instanceof Refused) || !(error.passing || error.status === 409) || this.stop.signal.aborted) throw error;
        if ((this.arrived ?? 0) > before) tries = 0;
        if (error.status === 409 && tries >= 5) throw error;
        this.waiting(error);
        await this.pause(Math.max(error.retryAfter * 1000, WAITS[Math.min(tries, WAITS.length - 1)]));
        tries += 1;
        send = () => this.resumed();
      }
    }
  }

  /** Wait, or until the network is back. */
  pause(milliseconds) {
    return new Promise((resolve, reject) => {
      const { signal } = this.stop;
      const done = () => {
        clearTimeout(timer);
        window.removeEventListener("online", done);
        signal.removeEventListener("abort", aborted);
        resolve();
      };
      const aborted = () => {
        done();
        reject(new DOMException("", "AbortError"));
      };
      const timer = setTimeout(done, milliseconds);
      window.addEventListener("online", done);
      signal.addEventListener("abort", aborted);
    });
  }

  /** Begin the upload and send the whole file, in one request. */
  begun() {
    const { file, path, condition } = this;
    this.arrived = 0;
    const about = { path: path.join("/"), mtime_us: String(file.lastModified * 1000) };
    const hash = new URLSearchParams(this.url.split("?")[1]).get("hash");
    if (hash) about.hash = hash;
    if (condition) about.if = condition;
    const metadata = Object.entries(about).map(([name, value]) => `${name} ${base64(value)}`).join(",");
    return this.request("POST", "/upload/", file, 0, { "Upload-Length": file.size, "Upload-Metadata": metadata });
  }

  /** The hash of the file that is there, if it may be this one; null otherwise. */
  async storedHash() {
    const head = await this.request("HEAD", this.url, null, 0, {}, true);
    return Number(head.getResponseHeader("Upload-Offset")) === this.file.size ? head.getResponseHeader("Homeftp-Hash") : null;
  }

  /** Ask what has arrived, and send the rest. */
  async resumed() {
    const { file } = this;
    const head = await this.request("HEAD", this.url, null, 0, {}, true);
    const offset = Number(head.getResponseHeader("Upload-Offset"));
    const stored = head.getResponseHeader("Homeftp-Hash");
    if (stored && offset === file.size) return stored;
    const prefix = head.getResponseHeader("Homeftp-Arrived-Hash");
    if (offset && prefix !== (await this.hasher.hash(offset))) return this.begun(); // the beginning of another file
    this.arrived = offset;
    this.progress(offset);
    return this.request("PATCH", this.url, file.slice(offset), offset, { "Upload-Offset": offset });
  }

  /** One request; its answer names the hash of what was stored, once all has arrived. */
  request(method, url, body, offset, headers, whole = false) {
    return new Promise((resolve, reject) => {
      const sent = new XMLHttpRequest();
      const { signal } = this.stop;
      let stalled = false;
      let timer = null;
      const abort = () => sent.abort();
      const ended = (act) => () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", abort);
        act();
      };
      const wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          stalled = true;
          this.patience *= 2;
          abort();
        }, this.patience);
      };
      sent.open(method, url);
      for (const [name, value] of Object.entries({ ...ALWAYS, ...headers })) sent.setRequestHeader(name, value);
      if (body) sent.setRequestHeader("Content-Type", "application/offset+octet-stream");
      sent.upload.onprogress = (event) => {
        wait();
        this.progress(offset + event.loaded);
      };
      sent.onload = ended(() => {
        if (sent.status < 300) resolve(whole ? sent : sent.getResponseHeader("Homeftp-Hash"));
        else reject(refused(sent));
      });
      sent.onerror = ended(() => reject(new Refused(0, null, "")));
      sent.onabort = ended(() => reject(stalled ? new Refused(0, null, "") : new DOMException("", "AbortError")));
      if (signal.aborted) {
        reject(new DOMException("", "AbortError"));
        return;
      }
      signal.addEventListener("abort", abort);
      wait();
      sent.send(body);
    });
  }
}

function refused(sent) {
  let body = {};
  try {
    body = JSON.parse(sent.responseText);
  } catch {
    // an answer without a body that can be read
  }
  const told = body.error ?? body;
  return new Refused(sent.status, told.status ?? null, told.message ?? "", Number(sent.getResponseHeader("Retry-After")) || 0);
}
