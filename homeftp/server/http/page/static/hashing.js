// A worker that hashes one file while it is sent. It remembers states on the way, for uploads that are resumed.

import { Sha256 } from "./sha256.js";

/** Bytes that are read at once. */
const PIECE = 4 * 1024 * 1024;
/** Bytes between two states that are remembered, each of about 100 bytes. */
const STEP = 32 * 1024 * 1024;

let states = [[0, new Sha256()]];

/** The hash of the first `end` bytes of a file. */
async function hashTo(file, end) {
  const [from, state] = states.findLast(([size]) => size <= end);
  const hasher = state.copy();
  for (let at = from; at < end; ) {
    const until = Math.min(end, at + PIECE);
    hasher.update(new Uint8Array(await file.slice(at, until).arrayBuffer()));
    at = until;
    if (at - states.at(-1)[0] >= STEP) states.push([at, hasher.copy()]);
  }
  return hasher.hash();
}

let turn = Promise.resolve();

self.onmessage = ({ data: { id, file, end } }) => {
  turn = turn.then(async () => {
    try {
      self.postMessage({ id, hash: await hashTo(file, end) });
    } catch (error) {
      self.postMessage({ id, failed: error.name });
    }
  });
};
