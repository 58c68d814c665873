// The module `trinity.wasm` as objects and errors; what it exports is in ABI.md. Runs in the worker.

import { TrinityError } from "./errors.js";

const ABI = 1;
/** Longest pieces in which files are read, and after which progress is told. */
export const PIECE_BYTES = 4 << 20;
const UNKNOWN_SIZE = 0xffff_ffff;

/** One instance of the module, which holds one model. */
export class Engine {
  /** @param {Record<string, any>} exports */
  constructor(exports) {
    this.exports = exports;
    this.weights = { start: 0, length: 0, filled: 0 };
  }

  /**
   * @param {WebAssembly.Module} module
   * @returns {Promise<Engine>}
   */
  static async start(module) {
    const decoder = new TextDecoder();
    /** @type {Engine} */
    let engine;
    const imports = {
      trinity: {
        now_ms: () => performance.now(),
        log: (/** @type {number} */ ptr, /** @type {number} */ length) => console.info(decoder.decode(engine.view(ptr, length))),
      },
    };
    const { exports } = await WebAssembly.instantiate(module, imports);
    engine = new Engine(exports);
    const abi = engine.exports.abi?.();
    if (abi !== ABI) throw new TrinityError("bug", `the module speaks version ${abi}, this package ${ABI}`);
    return engine;
  }

  /**
   * Bytes of the module, which move whenever its memory grows.
   * @param {number} ptr
   * @param {number} length
   */
  view(ptr, length) {
    return new Uint8Array(this.exports.memory.buffer, ptr >>> 0, length >>> 0);
  }

  /** @returns {string} */
  output() {
    return new TextDecoder().decode(this.view(this.exports.output_ptr(), this.exports.output_len()));
  }

  /**
   * Runs `call`; a trap is a bug of the module, which is of no use afterwards.
   * @template T
   * @param {() => T} call
   * @returns {T}
   */
  guarded(call) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      let message = "";
      try {
        this.exports.panic_message();
        message = this.output();
      } catch {
        // Then what the engine of JavaScript says is all there is.
      }
      throw new TrinityError("bug", message || error.message, { isOver: true }, error);
    }
  }

  refused() {
    const { kind, message, ...detail } = JSON.parse(this.output());
    return new TrinityError(kind, message, detail);
  }

  /**
   * Calls an export that takes a text.
   * @param {string} name
   * @param {unknown} argument
   * @returns {number}
   */
  ask(name, argument) {
    return this.withBytes(new TextEncoder().encode(JSON.stringify(argument)), (ptr, length) => this.exports[name](ptr, length));
  }

  /**
   * @param {string} name
   * @param {unknown} [argument]
   * @returns {any}
   */
  json(name, argument) {
    if (argument === undefined) this.check(this.guarded(() => this.exports[name]()));
    else this.ask(name, argument);
    return JSON.parse(this.output());
  }

  /** @param {number} status */
  check(status) {
    if (status < 0) throw this.refused();
    return status;
  }

  /**
   * Calls `call` with bytes in the module's memory.
   * @param {Uint8Array} bytes
   * @param {(ptr: number, length: number) => number} call
   */
  withBytes(bytes, call) {
    return this.guarded(() => {
      const ptr = this.exports.alloc(bytes.length) >>> 0;
      if (ptr === 0) {
        throw new TrinityError("capacity", `no memory for ${bytes.length} bytes`, { needed: bytes.length });
      }
      this.view(ptr, bytes.length).set(bytes);
      try {
        return this.check(call(ptr, bytes.length));
      } finally {
        this.exports.free(ptr, bytes.length);
      }
    });
  }

  /**
   * What a file that begins with `head` will need, or how much of it must be known to say so.
   * @param {Uint8Array} head
   * @param {number | null} size
   * @param {Record<string, unknown>} options
   */
  plan(head, size, options) {
    const [low, high] = size === null ? [UNKNOWN_SIZE, UNKNOWN_SIZE] : halves(size);
    const text = new TextEncoder().encode(JSON.stringify(options));
    const both = new Uint8Array(head.length + text.length);
    both.set(head);
    both.set(text, head.length);
    this.withBytes(both, (ptr) => this.exports.plan(ptr, head.length, low, high, ptr + head.length, text.length));
    return JSON.parse(this.output());
  }

  /**
   * Makes room for a file; what is put goes straight there.
   * @param {number} length
   */
  begin(length) {
    const start = this.guarded(() => this.exports.weights_begin(...halves(length)) >>> 0);
    if (start === 0) throw this.refused();
    this.weights = { start, length, filled: 0 };
  }

  /**
   * Room for the next bytes, at most `length` of them. `filled` says that they are there.
   * @param {number} length
   */
  room(length) {
    const { start, length: whole, filled } = this.weights;
    return this.view(start + filled, Math.min(length, whole - filled));
  }

  /** @param {number} length */
  filled(length) {
    this.weights.filled += length;
    this.guarded(() => this.check(this.exports.weights_filled(...halves(this.weights.filled))));
  }

  /** @param {Uint8Array} chunk */
  put(chunk) {
    this.room(chunk.length).set(chunk);
    this.filled(chunk.length);
  }

  /**
   * Says that the file is there, and compares its hash, if there is one to compare.
   * @param {string} [sha256]
   * @returns {{ sha256: string, bytes: number }}
   */
  end(sha256 = "") {
    this.withBytes(new TextEncoder().encode(sha256), (ptr, length) => this.exports.weights_end(ptr, length));
    return JSON.parse(this.output());
  }

  /** @returns {any[]} */
  events() {
    return this.guarded(() => this.exports.events()) === 0 ? [] : this.output().trimEnd().split("\n").map((line) => JSON.parse(line));
  }
}

/**
 * @param {number} n
 * @returns {[number, number]}
 */
function halves(n) {
  return [n >>> 0, Math.floor(n / 2 ** 32)];
}
