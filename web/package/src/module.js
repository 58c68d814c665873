// The module `trinity.wasm`, compiled once for all models that are open: another costs neither the time nor, in
// Firefox, the speed of a second compilation.

import { TrinityError, aborted, describe } from "./errors.js";
import { nodeModule } from "./protocol.js";

/** By URL; held by the models, so that it goes with the last one. @type {Map<string, WeakRef<WebAssembly.Module>>} */
const compiled = new Map();

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
