// SHA-256 (FIPS 180-4), piece by piece: a browser's own digest takes only what is in memory as a whole.

const K = new Int32Array(64);
const START = new Uint32Array(8);

/** The first 32 bits of the fraction of a number. */
function fraction(number) {
  return Math.floor((number - Math.floor(number)) * 2 ** 32);
}

for (let number = 2, found = 0; found < 64; number += 1) {
  let prime = true;
  for (let divisor = 2; divisor * divisor <= number; divisor += 1) if (number % divisor === 0) prime = false;
  if (!prime) continue;
  if (found < 8) START[found] = fraction(Math.sqrt(number));
  K[found] = fraction(Math.cbrt(number));
  found += 1;
}

export class Sha256 {
  constructor() {
    this.state = START.slice();
    this.block = new Uint8Array(64);
    this.held = 0;
    this.size = 0;
    this.words = new Int32Array(64);
  }

  /** The same state, to go on from twice. */
  copy() {
    const same = new Sha256();
    same.state.set(this.state);
    same.block.set(this.block);
    same.held = this.held;
    same.size = this.size;
    return same;
  }

  update(bytes) {
    this.size += bytes.length;
    let at = 0;
    if (this.held) {
      at = Math.min(64 - this.held, bytes.length);
      this.block.set(bytes.subarray(0, at), this.held);
      this.held += at;
      if (this.held < 64) return this;
      this.compress(this.block, 0, 64);
      this.held = 0;
    }
    const whole = at + ((bytes.length - at) & ~63);
    this.compress(bytes, at, whole);
    this.block.set(bytes.subarray(whole), 0);
    this.held = bytes.length - whole;
    return this;
  }

  compress(bytes, from, to) {
    const w = this.words;
    const s = this.state;
    let [h0, h1, h2, h3, h4, h5, h6, h7] = [s[0] | 0, s[1] | 0, s[2] | 0, s[3] | 0, s[4] | 0, s[5] | 0, s[6] | 0, s[7] | 0];
    for (let at = from; at < to; at += 64) {
      for (let i = 0, p = at; i < 16; i += 1, p += 4) w[i] = (bytes[p] << 24) | (bytes[p + 1] << 16) | (bytes[p + 2] << 8) | bytes[p + 3];
      for (let i = 16; i < 64; i += 1) {
        const x = w[i - 15];
        const y = w[i - 2];
        const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
        const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
        w[i] = (w[i - 16] + s0 + w[i - 7] + s1) | 0;
      }
      let [a, b, c, d, e, f, g, i] = [h0, h1, h2, h3, h4, h5, h6, h7];
      for (let round = 0; round < 64; round += 1) {
        const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
        const t1 = (i + s1 + ((e & f) ^ (~e & g)) + K[round] + w[round]) | 0;
        const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
        const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        i = g;
        g = f;
        f = e;
        e = (d + t1) | 0;
        d = c;
        c = b;
        b = a;
        a = (t1 + t2) | 0;
      }
      h0 = (h0 + a) | 0;
      h1 = (h1 + b) | 0;
      h2 = (h2 + c) | 0;
      h3 = (h3 + d) | 0;
      h4 = (h4 + e) | 0;
      h5 = (h5 + f) | 0;
      h6 = (h6 + g) | 0;
      h7 = (h7 + i) | 0;
    }
    s.set([h0, h1, h2, h3, h4, h5, h6, h7]);
  }

  /** The digest of all bytes so far, as the server writes it; more can be added afterwards. */
  hash() {
    const end = this.copy();
    const size = end.size;
    const padding = new Uint8Array(((end.held < 56 ? 56 : 120) - end.held) + 8);
    padding[0] = 0x80;
    const view = new DataView(padding.buffer);
    view.setUint32(padding.length - 8, Math.floor(size / 2 ** 29));
    view.setUint32(padding.length - 4, (size << 3) >>> 0);
    end.update(padding);
    return `sha256:${[...end.state].map((word) => word.toString(16).padStart(8, "0")).join("")}`;
  }
}
