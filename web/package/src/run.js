// What the engine says of one request, gathered until it is over.

import { TrinityError } from "./errors.js";

/**
 * @typedef {import("./stream.js").Delta} Delta
 * @typedef {import("./stream.js").Choice} Choice
 */

/** The name of a cancelled end, in this package's word. */
const ABORTED = "aborted";

/** A request for text. */
export class Run {
  /** @type {(Choice & { isOver: boolean })[]} */
  #choices;
  /** @type {Delta[]} */
  #deltas = [];
  #usage = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, reasoningTokens: 0 };
  /** @type {Record<string, number>} */
  #timings = {};
  /** @type {TrinityError | null} */
  error = null;

  /**
   * @param {number} id of the call
   * @param {Record<string, any>} request
   */
  constructor(id, request) {
    this.id = id;
    const n = Number.isInteger(request.n) ? request.n : 1;
    this.#choices = Array.from({ length: Math.max(n, 1) }, () => ({
      text: "", reasoning: "", toolCalls: [], logprobs: request.logprobs ? [] : null, finishReason: "", stop: null, isOver: false,
    }));
  }

  get isOver() {
    return this.#choices.every((choice) => choice.isOver);
  }

  /** The deltas since the last time. */
  taken() {
    const deltas = this.#deltas;
    this.#deltas = [];
    return deltas;
  }

  get value() {
    const choices = this.#choices.map(({ isOver: _, ...choice }) => choice);
    return { ...choices[0], choices, usage: this.#usage, timings: this.#timings };
  }

  /** @param {any} event */
  take(event) {
    const choice = this.#choices[event.choice ?? 0];
    if (!choice) return;
    const tell = (/** @type {Delta} */ delta) => this.#deltas.push(this.#choices.length > 1 ? { ...delta, choice: event.choice } : delta);
    switch (event.type) {
      case "text":
        choice.text += event.text;
        return tell({ text: event.text });
      case "reasoning":
        choice.reasoning += event.text;
        return tell({ reasoning: event.text });
      case "tool_call":
        choice.toolCalls[event.index] = { id: event.call_id, name: event.name, arguments: "" };
        return tell({ toolCall: { index: event.index, id: event.call_id, name: event.name, arguments: "" } });
      case "tool_arguments": {
        const call = choice.toolCalls[event.index];
        if (call) call.arguments += event.text;
        return tell({ toolCall: { index: event.index, arguments: event.text } });
      }
      case "token": {
        const { token, text, logprob, top } = event;
        choice.logprobs?.push({ token, text, logprob, top });
        return tell({ logprobs: [{ token, text, logprob, top }] });
      }
      case "done":
        return this.#end(choice, event);
      case "error":
        this.error = errorOf(event.error);
        choice.isOver = true;
    }
  }

  /**
   * @param {Choice & { isOver: boolean }} choice
   * @param {any} event
   */
  #end(choice, { finish_reason: reason, stop, usage, timings }) {
    choice.isOver = true;
    choice.finishReason = reason === "cancelled" ? ABORTED : reason;
    choice.stop = stop ?? null;
    // All choices have one prompt.
    this.#usage.promptTokens = usage.prompt_tokens;
    this.#usage.cachedTokens = Math.max(this.#usage.cachedTokens, usage.cached_tokens ?? 0);
    this.#usage.completionTokens += usage.completion_tokens;
    this.#usage.reasoningTokens += usage.reasoning_tokens ?? 0;
    if (Object.keys(this.#timings).length === 0) {
      this.#timings = { queueMs: timings.queue_ms, promptMs: timings.prompt_ms, decodeMs: timings.decode_ms };
    }
  }
}

/** A request for vectors. */
export class Vectors {
  /** @type {Float32Array[]} */
  #vectors = [];
  #nOver = 0;
  #promptTokens = 0;
  /** @type {TrinityError | null} */
  error = null;

  /**
   * @param {number} id of the call
   * @param {number} n
   */
  constructor(id, n) {
    this.id = id;
    this.n = n;
  }

  get isOver() {
    return this.#nOver === this.n || this.error !== null;
  }

  /** @returns {Delta[]} */
  taken() {
    return [];
  }

  get value() {
    return { vectors: this.#vectors, promptTokens: this.#promptTokens };
  }

  /** @param {any} event */
  take(event) {
    if (event.type === "embedding") {
      this.#vectors[event.index] = Float32Array.from(event.embedding);
      this.#promptTokens += event.usage?.prompt_tokens ?? 0;
      this.#nOver += 1;
    } else if (event.type === "error") {
      this.error = errorOf(event.error);
    }
  }
}

/** @param {any} wire */
function errorOf({ kind, message, ...detail }) {
  return new TrinityError(kind, message, detail);
}
