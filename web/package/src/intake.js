// What comes piece by piece: held until it can be planned, then put where it stays and, where it is to be kept, into the
// browser's storage in the same turn.

import { PIECE_BYTES } from "./engine.js";
import { TrinityError, aborted, describe } from "./errors.js";
import { Part } from "./storage.js";
import { tick } from "./tick.js";

/**
 * @typedef {import("./engine.js").Engine} Engine
 * @typedef {import("./storage.js").PartState} PartState
 * @typedef {"download" | "read" | "verify" | "prepare"} Phase
 * @typedef {{ sha256: string, bytes: number, name: string, storage: "opfs" | "memory" | "none", why: string }} Loaded
 * @typedef {{
 *   engine: Engine, signal: AbortSignal, sha256?: string, store?: boolean, plan: Record<string, unknown>,
 *   progress(phase: Phase, bytes: number, total: number): void, event(event: Record<string, unknown>): void,
 *   pull(): Promise<Uint8Array | null>, prepare(loaded: Loaded): void,
 * }} Task
 */

/** So often what came is made sure of, so that a tab that ends loses little. */
const SAVE_BYTES = 16 << 20;
const MAGIC = "GGUF";
/** What may be seen of a file that is no model. */
const SHOWN_BYTES = 40;

/**
 * Plans with the beginning of a file: 0, or the bytes that are needed for that. What does not fit, or is no model, is
 * refused here.
 * @param {Task} task
 * @param {Uint8Array} head
 * @param {number | null} length
 * @returns {number}
 */
export function checkedPlan(task, head, length) {
  const begins = new TextDecoder("latin1").decode(head.subarray(0, MAGIC.length));
  if (!MAGIC.startsWith(begins) || length === 0) {
    const shown = new TextDecoder().decode(head.subarray(0, SHOWN_BYTES)).replace(/[^ -~]/g, "·");
    throw new TrinityError("input", `this is no GGUF file: it begins with ${JSON.stringify(shown)}`, { begins: shown });
  }
  const plan = task.engine.plan(head, length, task.plan);
  const needed = plan.state === "more" ? plan.needed : plan.file_bytes;
  // How much of the head is needed is a guess that may pass the end.
  if (plan.state === "more" && (length === null || head.length < length)) return Math.min(needed, length ?? needed);
  if (length !== null && needed > length) {
    const text = `the file is cut off: it has ${length} bytes, its header asks for ${needed}`;
    throw new TrinityError("input", text, { bytes: length, needed });
  }
  if (!plan.fits) {
    const { total_bytes: bytes, context_length: contextLength, context_length_max: contextLengthMax } = plan;
    const fits = contextLengthMax > 0 ? `a context of ${contextLengthMax} tokens would fit` : "no context would fit";
    const limit = task.plan.limit ?? "4 GiB";
    const text = `the model needs ${bytes} bytes with a context of ${contextLength} tokens, of at most ${limit}; ${fits}`;
    throw new TrinityError("capacity", text, { needed: bytes, limit, contextLength, contextLengthMax, plan });
  }
  return 0;
}

/**
 * Says that all bytes are there, and compares their hash with what is expected.
 * @param {Task} task
 * @param {string | undefined} sha256
 * @param {import("./errors.js").Kind} [failure] what a wrong hash is, where it is not the storage's fault
 * @param {string} [where]
 */
export function settle(task, sha256, failure, where) {
  const { length } = task.engine.weights;
  task.progress("verify", length, length);
  try {
    return task.engine.end(sha256);
  } catch (error) {
    if (!failure || !(error instanceof TrinityError) || error.kind !== "storage") throw error;
    throw new TrinityError(failure, `${where}: ${error.message}`, error.detail, error);
  }
}

/** Takes the bytes of one file, in order; a sink of `download`. */
export class Intake {
  #task;
  #about;
  /** @type {Uint8Array[]} */
  #head = [];
  #nHead = 0;
  #nPlanned = 0;
  #needed = 1;
  #isPlanned = false;
  /** @type {number | null} */
  #length = null;
  #validator = "";
  /** @type {Blob[]} */
  #loose = [];
  #nLoose = 0;
  /** @type {Part | null} */
  #part = null;
  #nSaved = 0;

  /**
   * @param {Task} task
   * @param {{
   *   key: string | null, url: string | null, name: string, phase: "download" | "read", why: string,
   *   failure: import("./errors.js").Kind,
   * }} about `why` says why nothing is kept, without a `key`
   */
  constructor(task, about) {
    this.#task = task;
    this.#about = about;
  }

  /**
   * Has `fill` put all bytes, verifies them, prepares the model and keeps it.
   * @param {() => Promise<void>} fill
   * @returns {Promise<Loaded>}
   */
  async run(fill) {
    const { url, name, failure } = this.#about;
    if (this.#about.key === null && failure === "network") this.#inMemory(this.#about.why);
    try {
      await fill();
      if (!this.#isPlanned) await this.#plan(true);
      if (this.#length === null) await this.#gathered();
      const { sha256, bytes } = settle(this.#task, this.#task.sha256, failure, url ?? name);
      /** @type {Loaded} */
      const loaded = { sha256, bytes, name, storage: this.#part ? "opfs" : this.#stays(), why: this.#about.why };
      this.#task.prepare(loaded);
      try {
        await this.#part?.commit({ sha256, url, name });
      } catch (error) {
        await this.#dropped(error);
        [loaded.storage, loaded.why] = ["memory", this.#about.why];
      }
      return loaded;
    } catch (error) {
      await this.#putAway(error);
      throw error;
    }
  }

  /** @returns {"memory" | "none"} */
  #stays() {
    return this.#about.why === "it is a file" ? "none" : "memory";
  }

  /**
   * Begins with the first byte, maybe again.
   * @param {number | null} length
   * @param {string} validator
   */
  async start(length, validator) {
    [this.#head, this.#nHead, this.#needed, this.#isPlanned] = [[], 0, 1, false];
    [this.#length, this.#validator, this.#loose, this.#nLoose, this.#nSaved] = [length, validator, [], 0, 0];
    await this.#part?.restart();
  }

  /**
   * Takes what an earlier download has left, whose entry the caller has locked.
   * @param {PartState} state
   * @returns {Promise<boolean>} whether there was anything to go on with
   */
  async resume(state) {
    const { key } = this.#about;
    if (key === null) return false;
    const part = await Part.open(key, state.bytes);
    if (!part || part.isShort(state.bytes)) {
      await part?.discard();
      return false;
    }
    await this.start(state.length, state.validator);
    this.#part = part;
    try {
      for (let at = 0; at < state.bytes; at += PIECE_BYTES) {
        const piece = new Uint8Array(Math.min(PIECE_BYTES, state.bytes - at));
        part.read(piece, at);
        await this.#planOrTake(piece, false);
        if (this.#task.signal.aborted) throw aborted();
      }
    } catch (error) {
      // A beginning that is no model's: it was of no use, and the server is asked for all of it.
      if (!(error instanceof TrinityError) || error.kind !== "input") throw error;
      await part.discard();
      this.#part = null;
      return false;
    }
    this.#nSaved = state.bytes;
    return true;
  }

  /** @param {Uint8Array} chunk */
  async put(chunk) {
    await this.#planOrTake(chunk, true);
  }

  /**
   * @param {Uint8Array} chunk
   * @param {boolean} isNew
   */
  async #planOrTake(chunk, isNew) {
    if (this.#isPlanned) return this.#take(chunk, isNew);
    this.#head.push(chunk);
    this.#nHead += chunk.length;
    this.#task.progress(this.#about.phase, this.#nHead, this.#length ?? 0);
    if (this.#nHead >= this.#needed) await this.#plan(false, isNew);
  }

  /**
   * @param {boolean} isAll
   * @param {boolean} [isNew]
   */
  async #plan(isAll, isNew = true) {
    const head = new Uint8Array(this.#nHead);
    let at = 0;
    for (const chunk of this.#head) {
      head.set(chunk, at);
      at += chunk.length;
    }
    this.#needed = checkedPlan(this.#task, head, isAll ? this.#nHead : this.#length);
    if (this.#needed > 0) return;
    [this.#head, this.#nHead, this.#nPlanned] = [[], 0, head.length];
    this.#isPlanned = true;
    const { key } = this.#about;
    if (this.#length !== null) this.#task.engine.begin(this.#length);
    if (key !== null && !this.#part) {
      try {
        this.#part = await Part.open(key, 0);
      } catch (error) {
        await this.#dropped(error);
      }
    }
    await this.#take(head, isNew);
  }

  /**
   * @param {Uint8Array} chunk
   * @param {boolean} isNew
   */
  async #take(chunk, isNew) {
    const { engine, progress } = this.#task;
    if (this.#length === null) {
      // Blobs need not lie in this process's memory, so that there is one copy here in the end.
      this.#loose.push(new Blob([/** @type {BlobPart} */ (chunk)]));
      this.#nLoose += chunk.length;
      progress(this.#about.phase, this.#nLoose, 0);
      return;
    }
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
      engine.put(chunk.subarray(at, at + PIECE_BYTES));
      await tick();
    }
    progress(isNew ? this.#about.phase : "read", engine.weights.filled, this.#length);
    if (isNew) await this.#keep(chunk);
  }

  /** @param {Uint8Array} chunk */
  async #keep(chunk) {
    const part = this.#part;
    if (!part || this.#length === null) return;
    try {
      part.write(chunk);
      if (part.bytes - this.#nSaved < SAVE_BYTES || this.#validator === "") return;
      await part.save(this.#validator, this.#length);
      this.#nSaved = part.bytes;
    } catch (error) {
      await this.#dropped(error);
    }
  }

  /** What came without a length, by now whole. */
  async #gathered() {
    const whole = new Blob(this.#loose);
    this.#loose = [];
    this.#length = whole.size;
    checkedPlan(this.#task, new Uint8Array(await whole.slice(0, this.#nPlanned).arrayBuffer()), whole.size);
    this.#task.engine.begin(whole.size);
    for (let at = 0; at < whole.size; at += PIECE_BYTES) {
      await this.#take(new Uint8Array(await whole.slice(at, at + PIECE_BYTES).arrayBuffer()), true);
      if (this.#task.signal.aborted) throw aborted();
    }
  }

  /**
   * Goes on in memory alone.
   * @param {unknown} error
   */
  async #dropped(error) {
    const { name, message } = describe(error);
    const part = this.#part;
    this.#part = null;
    try {
      await part?.discard();
    } catch {
      // What cannot be removed has no mark, and is never offered.
    }
    this.#inMemory(name === "QuotaExceededError" ? "the browser gives no more room" : `${name}: ${message}`);
  }

  /** @param {string} why */
  #inMemory(why) {
    this.#about.why = why;
    // Who asked for it need not be told.
    if (this.#task.store === false) return;
    this.#task.event({ type: "storage", storage: "memory", why });
  }

  /**
   * After a failure: what a later attempt can go on with stays, anything else goes.
   * @param {unknown} error
   */
  async #putAway(error) {
    const part = this.#part;
    if (!part) return;
    const kind = error instanceof TrinityError ? error.kind : describe(error).name === "AbortError" ? "aborted" : "bug";
    const isOfUse = (kind === "network" || kind === "aborted") && !("sha256" in Object(/** @type {any} */ (error).detail));
    try {
      if (isOfUse && this.#validator !== "" && this.#length !== null) {
        await part.save(this.#validator, this.#length);
        part.close();
      } else {
        await part.discard();
      }
    } catch {
      part.close();
    }
  }
}
