// What page and worker say to each other: every message is `{v, id, type, …}`, where `id` is the call that it belongs
// to. A call has any number of `progress`, `event`, `delta` and `pull` messages and ends with one `done` or `error`.
//
// page → worker: load · submit · embed · tokenize · detokenize · countTokens · render · stats · memory · chunk · abort
// worker → page: progress · event · pull · delta · done · error

/** Version of the protocol; page and worker are of one build, and a mixture of two is refused. */
export const VERSION = 1;

/**
 * @typedef {{ v: number, id: number, type: string, [field: string]: any }} Message
 * @typedef {{
 *   send(message: Message, transfer?: Transferable[]): void,
 *   listen(receive: (message: Message) => void): void,
 * }} Port
 * @typedef {Port & { terminate(): void, onFailure(fail: (message: string) => void): void }} WorkerPort
 */

// Bundlers may put a `process` into pages, but browsers have workers of their own.
const isNode = typeof Worker === "undefined" && typeof /** @type {any} */ (globalThis).process?.versions?.node === "string";

/**
 * @param {any} message
 * @returns {message is Message}
 */
export function isMessage(message) {
  return typeof message === "object" && message !== null && message.v === VERSION && typeof message.id === "number";
}

/**
 * Starts a worker from a file of its own: never from a `blob:`, which content policies refuse.
 * @param {URL} url
 * @returns {Promise<WorkerPort>}
 */
export async function startWorker(url) {
  if (isNode) return startNodeWorker(url);
  const worker = new Worker(url, { type: "module", name: "trinity" });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (receive) => worker.addEventListener("message", ({ data }) => isMessage(data) && receive(data)),
    terminate: () => worker.terminate(),
    onFailure(fail) {
      worker.addEventListener("error", (event) => (event.preventDefault(), fail(event.message || `${url} cannot be loaded`)));
      worker.addEventListener("messageerror", () => fail("a message could not be read"));
    },
  };
}

/**
 * @param {URL} url
 * @returns {Promise<WorkerPort>}
 */
async function startNodeWorker(url) {
  const threads = await nodeModule("worker_threads");
  const worker = new threads.Worker(url, { name: "trinity" });
  return {
    send: (message, transfer = []) => worker.postMessage(message, transfer),
    listen: (receive) => worker.on("message", (/** @type {any} */ data) => isMessage(data) && receive(data)),
    // It holds the process only while somebody waits for it.
    terminate: () => void worker.terminate(),
    onFailure: (fail) => worker.on("error", (/** @type {Error} */ error) => fail(error.message)),
  };
}

/**
 * The worker's own end; at once in a browser, which does not wait with messages until somebody listens.
 * @param {(port: Port) => void} serve
 */
export function withParentPort(serve) {
  const scope = /** @type {any} */ (globalThis);
  if (isNode) {
    void nodeModule("worker_threads").then(({ parentPort: port }) => serve({
      send: (message, transfer = []) => port.postMessage(message, transfer),
      listen: (receive) => port.on("message", (/** @type {any} */ data) => isMessage(data) && receive(data)),
    }));
    return;
  }
  serve({
    send: (message, transfer = []) => scope.postMessage(message, transfer),
    listen: (receive) => scope.addEventListener("message", (/** @type {MessageEvent} */ { data }) => isMessage(data) && receive(data)),
  });
}

/**
 * A module of Node.js, hidden from bundlers, which would look for it.
 * @param {string} name
 * @returns {Promise<any>}
 */
export function nodeModule(name) {
  const specifier = `node:${name}`;
  return import(/* webpackIgnore: true */ /* @vite-ignore */ specifier);
}
