// Requests to the server, and what its refusals mean in words.

import { has, t } from "./words.js";

/** A request that was refused, or did not arrive. `code` is the status of homeftp's protocol, where there is one. */
export class Refused extends Error {
  constructor(status, code, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later: the network is gone, or the server is busy. */
  get passing() {
    return this.status === 0 || this.status === 503 || this.status === 502 || this.status === 504 || this.status === 408;
  }
}

/** What went wrong and what to do, in the reader's language. */
export function explain(error) {
  if (!(error instanceof Refused)) return error?.message || String(error);
  for (const key of [`error-${error.code}`, `error-http-${error.status}`]) {
    if (has(key)) return t(key, { message: error.message });
  }
  return error.message || t("error-other", { n: error.status });
}

/** Listeners for a request that was answered "sign in". */
export const signedOut = new EventTarget();

/** Milliseconds between looks whether this browser is still signed in: the server notices within five seconds. */
const CHECKS = [0, 1500, 4500];
let checking = false;

/** A request that is refused may be the first after access was revoked. */
async function checkSession() {
  if (checking) return;
  checking = true;
  try {
    for (const wait of CHECKS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const answer = await fetch("/api/session", { cache: "no-store" });
      if (answer.status === 401) {
        signedOut.dispatchEvent(new Event("401"));
        return;
      }
      if (answer.ok) return;
    }
  } catch {
    // no network: the next request tells
  } finally {
    checking = false;
  }
}

/** The refusal of an answer. */
export async function refusalOf(answer) {
  let code = null;
  let message = "";
  try {
    const body = await answer.clone().json();
    code = body.status ?? body.error?.status ?? null;
    message = body.message ?? body.error?.message ?? "";
  } catch {
    // an answer without a body that can be read: its status must do
  }
  if (answer.status === 401) signedOut.dispatchEvent(new Event("401"));
  if (answer.status === 403) checkSession();
  return new Refused(answer.status, code, message, Number(answer.headers.get("Retry-After")) || 0);
}

/** Milliseconds before a request that only reads is sent again. */
const AGAIN = [300, 1200];

/** Ask the server; raises Refused. */
export async function ask(method, url, { json, headers = {}, signal, body } = {}) {
  const sent = { Accept: "application/json", ...headers, "X-Homeftp": "1" };
  if (json !== undefined) sent["Content-Type"] = "application/json";
  const content = json === undefined ? body : JSON.stringify(json);
  for (let tries = 0; ; tries += 1) {
    let answer;
    try {
      answer = await fetch(url, { method, headers: sent, body: content, signal, cache: "no-store", credentials: "same-origin", redirect: "error" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      // a connection that the server has ended meanwhile, or no network: to read does no harm twice
      if (method !== "GET" || tries >= AGAIN.length) throw new Refused(0, null, "");
      await new Promise((resolve) => setTimeout(resolve, AGAIN[tries]));
      continue;
    }
    if (!answer.ok) throw await refusalOf(answer);
    return answer;
  }
}

/** The JSON of an answer. */
export async function askJson(method, url, options) {
  return (await ask(method, url, options)).json();
}

/** The lines of an answer that comes as JSON lines, as they arrive. Raises where the last line does not come. */
export async function* lines(url, signal) {
  const answer = await ask("GET", url, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  let ended = false;
  try {
    for (;;) {
      let piece;
      try {
        piece = await reader.read();
      } catch (error) {
        if (error.name === "AbortError") throw error;
        throw new Refused(0, null, "");
      }
      held += piece.value ?? "";
      const parts = held.split("\n");
      held = parts.pop();
      for (const part of parts) {
        const line = JSON.parse(part);
        if (line.error) throw new Refused(200, line.error.status, line.error.message);
        ended = line.end === true;
        yield line;
      }
      if (piece.done) break;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
  if (!ended) throw new Refused(0, null, "");
}
