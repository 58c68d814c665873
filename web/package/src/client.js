// The page's end of the protocol: one worker, and the calls that wait for it.

import { TrinityError, aborted, closed, fromWire } from "./errors.js";
import { VERSION } from "./protocol.js";

/**
 * @typedef {import("./protocol.js").WorkerPort} WorkerPort
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {{
 *   resolve(value: any): void, reject(error: unknown): void, onMessage?(message: Message): void,
 * }} Call
 */

/** Time that a worker has to put away what an aborted call has begun, before it is ended. */
const GRACE_MS = 2000;

export class Client {
  #port;
  /** @type {Map<number, Call>} */
  #calls = new Map();
  #nCalls = 0;
  /** @type {TrinityError | null} */
  #end = null;

  /**
   * @param {WorkerPort} port
   * @param {WebAssembly.Module} module what the worker runs, held for the next one
   */
  constructor(port, module) {
    this.#port = port;
    this.module = module;
    port.listen((message) => this.#receive(message));
    port.onFailure((message) => this.close(new TrinityError("bug", `the worker failed: ${message}`)));
  }

  get isClosed() {
    return this.#end !== null;
  }

  /**
   * Calls the worker; other messages than the last go to `onMessage`.
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @param {{ onMessage?(message: Message): void, transfer?: Transferable[] }} [options]
   * @returns {{ id: number, done: Promise<any> }}
   */
  call(type, fields, { onMessage, transfer } = {}) {
    const id = (this.#nCalls += 1);
    const done = new Promise((resolve, reject) => {
      if (this.#end) {
        reject(this.#end);
        return;
      }
      this.#calls.set(id, { resolve, reject, onMessage });
      try {
        this.tell(id, type, fields, transfer);
      } catch (error) {
        this.#calls.delete(id);
        reject(new TrinityError("input", `${type}: ${error instanceof Error ? error.message : error}`, {}, error));
      }
    });
    return { id, done };
  }

  /**
   * Says something about a call that runs.
   * @param {number} id
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @param {Transferable[]} [transfer]
   */
  tell(id, type, fields = {}, transfer) {
    if (!this.#end) this.#port.send({ v: VERSION, id, type, ...fields }, transfer);
  }

  /**
   * Aborts the call; who waits for it hears so at once.
   * @param {number} id
   */
  abort(id) {
    this.tell(id, "abort");
  }

  /**
   * Ends the worker after it had time to put away what it does for `id`.
   * @param {number} id
   */
  abandon(id) {
    const call = this.#calls.get(id);
    if (!call) return this.close();
    call.reject(aborted());
    const timer = setTimeout(() => this.close(), GRACE_MS);
    const end = () => (clearTimeout(timer), this.close());
    this.#calls.set(id, { resolve: end, reject: end });
    this.abort(id);
  }

  /**
   * Ends the worker: all its memory goes back at once.
   * @param {TrinityError} [reason]
   */
  close(reason = closed()) {
    if (this.#end) return;
    this.#end = reason;
    this.#port.terminate();
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const { reject } of calls) reject(reason);
  }

  /** @param {Message} message */
  #receive(message) {
    const call = this.#calls.get(message.id);
    if (!call) return;
    if (message.type === "done") {
      this.#calls.delete(message.id);
      call.resolve(message.value);
    } else if (message.type === "error") {
      this.#calls.delete(message.id);
      const error = fromWire(message.error);
      call.reject(error);
      // A module that has panicked cannot be used any more; other tabs and models have their own.
      if (message.isOver) this.close(error);
    } else {
      call.onMessage?.(message);
    }
  }
}
