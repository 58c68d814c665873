// The module `trinity.wasm` or `trinity-relaxed.wasm`, compiled once for all models that are open: another costs
// neither the time nor, in Firefox, the speed of a second compilation.

import { TrinityError, aborted, describe } from "./errors.js";
import { nodeModule } from "./protocol.js";

/** By URL; held by the models, so that it goes with the last one. @type {Map<string, WeakRef<WebAssembly.Module>>} */
const compiled = new Map();

/** The least module with relaxed SIMD: a function that returns a relaxed multiply-add of zeros. */
const RELAXED = [
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0,
  10, 19, 1, 17, 0, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0x41, 0, 0xfd, 15, 0xfd, 0x85, 2, 0x0b,
];

/** Whether this engine loads `trinity-relaxed.wasm`: the same results sooner, by instructions that not all have. */
export function hasRelaxedSimd() {
  return WebAssembly.validate(new Uint8Array(RELAXED));
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 * @returns {Promise<WebAssembly.Module>}
 */
export async function moduleAt(url, signal) {
  const known = compiled.get(url)?.deref();
  if (known) return known;
  try {
    const module = await compile(url, signal);
    compiled.set(url, new WeakRef(module));
    return module;
  } catch (error) {
    if (signal?.aborted) throw aborted();
    throw new TrinityError("network", `${url}: the module cannot be had: ${describe(error).message}`, { url }, error);
  }
}

/**
 * @param {string} url
 * @param {AbortSignal} [signal]
 */
async function compile(url, signal) {
  if (url.startsWith("file:")) {
    const { readFile } = await nodeModule("fs/promises");
    return WebAssembly.compile(/** @type {BufferSource} */ (await readFile(new URL(url))));
  }
  const response = await fetch(url, { signal: signal ?? null });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  // Some servers do not know the type; then the browser would refuse to compile while it comes.
  const isTyped = (response.headers.get("content-type") ?? "").split(";")[0]?.trim() === "application/wasm";
  return isTyped ? WebAssembly.compileStreaming(response) : WebAssembly.compile(await response.arrayBuffer());
}
