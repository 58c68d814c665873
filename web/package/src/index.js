// `@trinity/web`: language models from GGUF files, computed in the page by WebAssembly, with the bytes that the program
// `trinity` gives. Start with `load`.

import { Client } from "./client.js";
import { TrinityError, aborted } from "./errors.js";
import { Model } from "./model.js";
import { hasRelaxedSimd, moduleAt } from "./module.js";
import { startWorker } from "./protocol.js";
import * as stored from "./storage.js";

export { TrinityError } from "./errors.js";
export { Model } from "./model.js";
export { Stream } from "./stream.js";

/** Models that stay with the browser. */
export const storage = {
  list: stored.list,
  remove: stored.remove,
  export: stored.exportFile,
  estimate: stored.estimate,
  persist: stored.persist,
};

const KNOWN = new Set([
  "source", "sha256", "contextLength", "threads", "kvType", "seed", "memoryMax", "parallel", "store", "chatTemplate",
  "wasmUrl", "workerUrl", "onProgress", "onEvent", "signal",
]);

/**
 * Loads a model: from a URL, a file, a stream, or `opfs:SHA256`.
 * @param {Record<string, any>} options
 * @returns {Promise<Model>}
 */
export async function load(options) {
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name));
  if (unknown) throw new TrinityError("input", `load: there is no option ${unknown}`, { option: unknown });
  const { onProgress, onEvent, signal, workerUrl } = options;
  if (signal?.aborted) throw aborted();
  const { fields, wasm, pull, cancel } = wire(options);
  const url = new URL(workerUrl ?? new URL("worker.js", import.meta.url), import.meta.url);
  const module = await moduleAt(wasm, signal);
  /** @type {Client} */
  let client;
  try {
    client = new Client(await startWorker(url), module);
  } catch (error) {
    throw new TrinityError("network", `${url}: the worker cannot be started: ${/** @type {Error} */ (error).message}`, { url: url.href }, error);
  }
  const onMessage = async (/** @type {any} */ message) => {
    if (message.type === "progress") onProgress?.(message.progress);
    if (message.type === "event") onEvent?.(message.event);
    if (message.type === "pull") {
      const { chunk, error } = await pull();
      // The worker owns what it gets, if it is the whole of its buffer.
      const isWhole = chunk && chunk.buffer instanceof ArrayBuffer && chunk.byteLength === chunk.buffer.byteLength;
      client.tell(call.id, "chunk", { chunk, error }, isWhole ? [chunk.buffer] : []);
    }
  };
  const call = client.call("load", { options: { ...fields, module } }, { onMessage });
  const abort = () => client.abandon(call.id);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return new Model(client, await call.done);
  } catch (error) {
    if (!signal?.aborted) client.close();
    cancel(error);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/**
 * What of the options goes to the worker, and where it pulls the bytes of a stream from, which stays here.
 * @param {Record<string, any>} options
 */
function wire({ source, sha256, threads = "auto", wasmUrl, ...rest }) {
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new TrinityError("input", `load: sha256 must be 64 hexadecimal digits in lower case, not ${JSON.stringify(sha256)}`);
  }
  if (threads !== "auto" && !(Number.isInteger(threads) && threads > 0)) {
    throw new TrinityError("input", `load: threads must be "auto" or a whole number above 0, not ${JSON.stringify(threads)}`);
  }
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const absolute = (/** @type {string | URL} */ url) => {
    try {
      return new URL(url, base).href;
    } catch {
      throw new TrinityError("input", `load: ${JSON.stringify(String(url))} is no URL`);
    }
  };
  /** @type {{ kind: string, [field: string]: any }} */
  let where;
  /** @type {ReadableStreamDefaultReader<Uint8Array> | null} */
  let reader = null;
  if (typeof source === "string" && source.startsWith("opfs:")) where = { kind: "stored", sha256: source.slice("opfs:".length) };
  else if (typeof source === "string" || source instanceof URL) where = { kind: "url", url: absolute(source) };
  else if (source instanceof Blob) where = { kind: "blob", blob: source, name: source instanceof File ? source.name : "" };
  else if (source instanceof ReadableStream) {
    reader = source.getReader();
    where = { kind: "stream" };
  } else throw new TrinityError("input", "load: source must be a URL, a File or Blob, a ReadableStream, or opfs:SHA256");
  const fields = {
    source: where, sha256, threads,
    ...Object.fromEntries(["contextLength", "kvType", "parallel", "seed", "memoryMax", "store", "chatTemplate"].map((name) => [name, rest[name]])),
    isIsolated: globalThis.crossOriginIsolated ?? null,
  };
  const pull = async () => {
    try {
      const { done, value } = await /** @type {NonNullable<typeof reader>} */ (reader).read();
      return { chunk: done ? null : value, error: null };
    } catch (error) {
      return { chunk: null, error: String(error) };
    }
  };
  const [relaxed, plain] = [new URL("trinity-relaxed.wasm", import.meta.url), new URL("trinity.wasm", import.meta.url)];
  const wasm = absolute(wasmUrl ?? (hasRelaxedSimd() ? relaxed : plain));
  return { fields, wasm, pull, cancel: (/** @type {unknown} */ reason) => void reader?.cancel(reason).catch(() => {}) };
}
