// The parts that need no browser: hashes, sites, the mixer and the noise. Prints totals as the other tests do.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import vm from "node:vm";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
// Scripts share one scope, as the build has it; what they define comes back by name.
const load = (paths, names, given = "") =>
  vm.runInThisContext(`(() => { "use strict"; ${given}\n${paths.map(read).join("\n")}\nreturn { ${names} }; })()`);
const { sha256, hmac, hexOf, siteOf } = load(["../dist/chromium/ui/site.js"], "sha256, hmac, hexOf, siteOf");
const { prf, choose, edgeNoise } = load(["../src/prf.js", "../src/noise.js"], "prf, choose, edgeNoise", "const { imul } = Math;");
const key = (n) => Uint32Array.from({ length: 4 }, (_, i) => prf(new Uint32Array(4), n, i, 1, 2, 3));
// A row of numbers that only looks random.
const numbers = (seed) => {
  let n = 0;
  return (below) => prf(key(seed), n++, 0, 0, 0, 0) % below;
};

const tests = {
  "SHA-256 and HMAC agree with another implementation at every length around a block"() {
    for (let n = 0; n < 200; n++) {
      const bytes = Uint8Array.from({ length: n }, (_, i) => (i * 7 + n) & 255);
      assert.equal(hexOf(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
      assert.equal(hexOf(hmac(bytes.subarray(0, 64), `text ${n} é`)), createHmac("sha256", bytes.subarray(0, 64)).update(`text ${n} é`).digest("hex"));
    }
  },
  "SHA-256 and HMAC give the published values"() {
    const text = (s) => new TextEncoder().encode(s);
    assert.equal(hexOf(sha256(text("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); // FIPS 180-4
    // RFC 4231, case 2
    assert.equal(hexOf(hmac(text("Jefe"), "what do ya want for nothing?")), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  },
  "hosts belong to the site that the list says"() {
    for (const line of read("sites.txt").split("\n").filter((l) => l && !l.startsWith("#"))) {
      const [host, site] = line.split(/\s+/);
      assert.equal(siteOf(host), site, host);
    }
  },
  "every rule of the list is found"() {
    const rules = read("../data/public_suffix_list.dat").split("\n").filter((l) => l && !l.startsWith("//"));
    assert.ok(rules.length > 10_000);
    for (const rule of rules) {
      const name = rule.replace("*", "qz").replace("!", "");
      assert.equal(siteOf(`qy.qx.${name}`), rule.startsWith("!") ? name : `qx.${name}`, rule);
    }
  },
  "one bit of key or input changes half of the mixer's bits"() {
    const next = numbers(1);
    const word = () => next(2 ** 32);
    let [flips, n] = [0, 0];
    const perBit = new Array(32).fill(0);
    for (let round = 0; round < 300; round++) {
      const k = Uint32Array.from({ length: 4 }, word);
      const input = Array.from({ length: 5 }, word);
      for (let place = 0; place < 9; place++) {
        const bit = 1 << next(32);
        const [k2, input2] = [k.slice(), input.slice()];
        if (place < 4) k2[place] ^= bit;
        else input2[place - 4] ^= bit;
        const difference = prf(k, ...input) ^ prf(k2, ...input2);
        for (let i = 0; i < 32; i++) perBit[i] += (difference >>> i) & 1;
        flips += perBit.length && [...Array(32).keys()].reduce((sum, i) => sum + ((difference >>> i) & 1), 0);
        n++;
      }
    }
    assert.ok(Math.abs(flips / n / 32 - 0.5) < 0.01, `${flips / n / 32}`);
    perBit.forEach((count, bit) => assert.ok(Math.abs(count / n - 0.5) < 0.06, `bit ${bit}: ${count / n}`));
  },
  "choices lie within half and twice of the truth, differ between keys, and are the smallest where none does"() {
    for (const truth of [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 64, 128]) {
      const chosen = new Set();
      for (let n = 0; n < 64; n++) chosen.add(choose(key(n), 1, [4, 8, 12, 16], truth));
      const fit = [4, 8, 12, 16].filter((c) => c >= truth / 2 && c <= truth * 2);
      assert.deepEqual([...chosen].sort((a, b) => a - b), fit.length ? fit : [4]);
    }
  },
  "noise leaves flat areas and straight ends alone, and moves edges by at most two"() {
    const [w, h] = [64, 48];
    const source = drawn(w, h);
    const out = noised(key(1), source, w, h);
    let n_moved = 0;
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const at = y * w + x;
        const around = [source[at - 1], source[at + 1], source[at - w], source[at + w]];
        const change = [0, 1, 2, 3].map((c) => Math.abs(out[at * 4 + c] - ((source[at] >>> (8 * c)) & 255)));
        assert.ok(Math.max(...change) <= 2 && change.filter(Boolean).length <= 1);
        if (around.filter((p) => p !== source[at]).length < 2 && x && y && x + 1 < w && y + 1 < h) assert.deepEqual(change, [0, 0, 0, 0]);
        n_moved += Math.max(...change) > 0 ? 1 : 0;
      }
    }
    assert.ok(n_moved > 50, `${n_moved}`);
    assert.deepEqual(noised(key(1), new Uint32Array(w * h).fill(0xff336699), w, h), new Uint8ClampedArray(new Uint32Array(w * h).fill(0xff336699).buffer));
  },
  "noise of a part is a part of the noise"() {
    const [w, h] = [40, 30];
    const source = drawn(w, h);
    const whole = noised(key(2), source, w, h);
    const next = numbers(3);
    for (let round = 0; round < 200; round++) {
      const [x, y] = [next(w), next(h)];
      const [pw, ph] = [1 + next(w - x), 1 + next(h - y)];
      const around = new Uint32Array((pw + 2) * (ph + 2));
      for (let j = 0; j < ph + 2; j++) {
        for (let i = 0; i < pw + 2; i++) {
          const [sx, sy] = [x + i - 1, y + j - 1];
          if (sx >= 0 && sy >= 0 && sx < w && sy < h) around[j * (pw + 2) + i] = source[sy * w + sx];
        }
      }
      const part = new Uint8ClampedArray(pw * ph * 4);
      const bytes = new Uint8Array(source.buffer);
      for (let j = 0; j < ph; j++) part.set(bytes.subarray(((y + j) * w + x) * 4, ((y + j) * w + x + pw) * 4), j * pw * 4);
      edgeNoise(key(2), around, pw + 2, 1 - x, 1 - y, 1 - x + w, 1 - y + h, 1, 1, pw, ph, part);
      for (let j = 0; j < ph; j++) {
        assert.deepEqual(part.subarray(j * pw * 4, (j + 1) * pw * 4), whole.subarray(((y + j) * w + x) * 4, ((y + j) * w + x + pw) * 4));
      }
    }
  },
  "another key gives other noise, and no pixel's is left over"() {
    const source = drawn(64, 48);
    const variants = Array.from({ length: 32 }, (_, n) => noised(key(100 + n), source, 64, 48));
    assert.equal(new Set(variants.map(String)).size, 32);
  },
};

// A picture of flat areas and of blots whose pixels all differ, some of them half transparent.
function drawn(w, h) {
  const source = new Uint32Array(w * h).fill(0xffffffff);
  const next = numbers(5);
  for (let y = 4; y < 20; y++) for (let x = 4; x < 30; x++) source[y * w + x] = 0xff0066ff;
  for (let i = 0; i < 150; i++) source[(2 + next(h - 4)) * w + 2 + next(w - 4)] = (next(2) ? 0xff000000 : 0x80000000) + next(2 ** 24);
  for (let x = 0; x < w; x++) source[(h - 1) * w + x] = 0;
  return source;
}

function noised(k, source, w, h) {
  const out = new Uint8ClampedArray(source.slice().buffer);
  edgeNoise(k, source, w, 0, 0, w, h, 0, 0, w, h, out);
  return out;
}

let n_failed = 0;
for (const [name, test] of Object.entries(tests)) {
  try {
    test();
    console.log(`${name} ... ok`);
  } catch (error) {
    n_failed++;
    console.log(`${name} ... FAILED\n${error.stack}`);
  }
}
const n = Object.keys(tests).length;
console.log(`test result: ${n_failed ? "FAILED" : "ok"}. ${n - n_failed} passed; ${n_failed} failed`);
process.exitCode = n_failed ? 1 : 0;
