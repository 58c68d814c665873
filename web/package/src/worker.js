// The worker: one model, computed step by step; between two steps messages get through, so that whoever aborts is heard
// within one.

import { Engine } from "./engine.js";
import { TrinityError, aborted, asTrinityError, closed, toWire } from "./errors.js";
import { obtain } from "./loader.js";
import { VERSION, withParentPort } from "./protocol.js";
import { Run, Vectors } from "./run.js";
import { tick } from "./tick.js";

/**
 * @typedef {import("./protocol.js").Message} Message
 * @typedef {import("./protocol.js").Port} Port
 */

/** Progress is told at most so often. */
const PROGRESS_MS = 50;

class Server {
  /** @type {Engine | null} */
  #engine = null;
  #isStepping = false;
  /** What runs in the engine, by its id there. @type {Map<number, Run | Vectors>} */
  #runs = new Map();
  /** How to abort a call, by its id. @type {Map<number, () => void>} */
  #aborts = new Map();
  /** Who waits for a piece of a stream. @type {(message: Message) => void} */
  #takeChunk = () => {};

  /** @param {Port} port */
  constructor(port) {
    this.port = port;
    port.listen((message) => void this.#receive(message));
  }

  /**
   * @param {number} id
   * @param {string} type
   * @param {Record<string, unknown>} fields
   * @param {Transferable[]} [transfer]
   */
  send(id, type, fields, transfer) {
    this.port.send({ v: VERSION, id, type, ...fields }, transfer);
  }

  /** @param {Message} message */
  async #receive(message) {
    const { id, type } = message;
    if (type === "abort") return this.#aborts.get(id)?.();
    if (type === "chunk") return this.#takeChunk(message);
    try {
      await this.#handle(message);
    } catch (error) {
      this.#fail(id, error);
    }
  }

  /**
   * @param {number} id
   * @param {unknown} error
   */
  #fail(id, error) {
    const { kind, detail } = asTrinityError(error);
    this.#aborts.delete(id);
    this.send(id, "error", { error: toWire(error), isOver: kind === "bug" && detail.isOver === true });
  }

  /** @param {Message} message */
  async #handle(message) {
    const { id } = message;
    const done = (/** @type {unknown} */ value, /** @type {Transferable[]} */ transfer = []) => this.send(id, "done", { value }, transfer);
    if (message.type === "load") return done(await this.#load(id, message.options));
    const engine = this.#engine;
    if (!engine) throw closed();
    switch (message.type) {
      case "submit":
        return this.#begin(engine, id, "submit", message.request, new Run(id, message.request));
      case "embed":
        if (message.texts.length === 0) return done({ vectors: [], promptTokens: 0 });
        return this.#begin(engine, id, "embed", { input: message.texts }, new Vectors(id, message.texts.length));
      case "tokenize": {
        const tokens = Uint32Array.from(engine.json("tokenize", { content: message.text }).tokens);
        return done(tokens, [tokens.buffer]);
      }
      case "detokenize":
        return done(engine.json("detokenize", { tokens: [...message.tokens] }).content);
      case "countTokens":
        return done(engine.json("count_tokens", { messages: message.messages }).n_tokens);
      case "render":
        return done(engine.json("render", { messages: message.messages }).prompt);
      case "stats":
        return done({ ...camelKeys(engine.json("stats")), memory: camelKeys(engine.json("memory_use")) });
      default:
        throw new TrinityError("bug", `the worker knows no message ${message.type}`);
    }
  }

  /**
   * @param {number} id
   * @param {Record<string, any>} options
   */
  async #load(id, options) {
    const { source, sha256, store, contextLength, kvType, parallel, seed, memoryMax, chatTemplate, module } = options;
    const controller = new AbortController();
    this.#aborts.set(id, () => controller.abort());
    const { signal } = controller;
    const engine = await Engine.start(module);
    const shared = { context_length: contextLength, kv_type: kvType, parallel };
    let toldAt = 0;
    /** @type {string} */
    let toldPhase = "";
    /** @type {Record<string, any>} */
    let info = {};
    const loaded = await obtain({
      engine, signal, sha256, store,
      plan: { ...shared, limit: memoryMax },
      progress: (phase, bytes, total) => {
        const now = performance.now();
        if (phase === toldPhase && bytes < total && now - toldAt < PROGRESS_MS) return;
        [toldAt, toldPhase] = [now, phase];
        this.send(id, "progress", { progress: { phase, bytes, total } });
      },
      event: (event) => this.send(id, "event", { event }),
      pull: async () => {
        const answer = new Promise((/** @type {(message: Message) => void} */ resolve) => (this.#takeChunk = resolve));
        this.send(id, "pull", {});
        const { chunk, error } = await answer;
        if (error) throw new TrinityError("input", `the stream failed: ${error}`);
        return chunk;
      },
      prepare: ({ name, bytes }) => {
        if (signal.aborted) throw aborted();
        this.send(id, "progress", { progress: { phase: "prepare", bytes, total: bytes } });
        const clock = { unix_ms: Date.now(), utc_offset_minutes: -new Date().getTimezoneOffset() };
        info = engine.json("load", { ...shared, ...clock, seed, chat_template: chatTemplate, name: name.replace(/\.gguf$/, "") });
      },
    }, source);
    if (signal.aborted) throw aborted();
    this.#aborts.delete(id);
    this.#engine = engine;
    const { storage, why, sha256: hash, bytes } = loaded;
    return { ...camelKeys(info), sha256: hash, bytes, storage: { kind: storage, why }, threads: threads(options) };
  }

  /**
   * @param {Engine} engine
   * @param {number} id
   * @param {"submit" | "embed"} name
   * @param {unknown} request
   * @param {Run | Vectors} run
   */
  #begin(engine, id, name, request, run) {
    const engineId = engine.ask(name, request);
    this.#runs.set(engineId, run);
    this.#aborts.set(id, () => (engine.exports.cancel(engineId), void this.#step(engine)));
    void this.#step(engine);
  }

  /**
   * Computes until nothing is left to do.
   * @param {Engine} engine
   */
  async #step(engine) {
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      while (this.#runs.size > 0) {
        const status = engine.check(engine.guarded(() => engine.exports.step()));
        if (status === 2) this.#tell(engine.events());
        if (status === 0 && this.#runs.size > 0) throw new TrinityError("bug", "the engine is idle, with requests that have not ended");
        await tick();
      }
    } catch (error) {
      const runs = [...this.#runs.values()];
      this.#runs.clear();
      for (const { id } of runs) this.#fail(id, error);
    } finally {
      this.#isStepping = false;
    }
  }

  /** @param {any[]} events */
  #tell(events) {
    for (const event of events) this.#runs.get(event.id)?.take(event);
    for (const [engineId, run] of this.#runs) {
      const deltas = run.taken();
      if (deltas.length > 0) this.send(run.id, "delta", { deltas });
      if (!run.isOver) continue;
      this.#runs.delete(engineId);
      this.#aborts.delete(run.id);
      if (run.error) this.#fail(run.id, run.error);
      else this.send(run.id, "done", { value: run.value });
    }
  }
}

/**
 * Threads that compute, and why not more.
 * @param {Record<string, any>} options
 */
function threads({ threads: wanted, isIsolated }) {
  if (wanted === 1) return { count: 1, why: "one was asked for" };
  return { count: 1, why: isIsolated === false ? "not cross-origin isolated" : "this version computes on one thread" };
}

/**
 * Fields by the names that JavaScript has for them.
 * @param {Record<string, any>} fields
 */
function camelKeys(fields) {
  const camel = (/** @type {string} */ name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value]));
}

withParentPort((port) => new Server(port));
