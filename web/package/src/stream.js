// One answer while it is made: an asynchronous sequence of deltas, and the whole as a promise.

import { asTrinityError } from "./errors.js";

/**
 * @typedef {{ token: number, text: string, logprob: number, top: { token: number, text: string, logprob: number }[] }} TokenLogprob
 * @typedef {{ id: string, name: string, arguments: string }} ToolCall
 * @typedef {{
 *   text?: string, reasoning?: string, logprobs?: TokenLogprob[], choice?: number,
 *   toolCall?: { index: number, id?: string, name?: string, arguments: string },
 * }} Delta
 * @typedef {{
 *   text: string, reasoning: string, toolCalls: ToolCall[], logprobs: TokenLogprob[] | null, finishReason: string, stop: string | null,
 * }} Choice
 * @typedef {Choice & {
 *   choices: Choice[], timings: Record<string, number>,
 *   usage: { promptTokens: number, cachedTokens: number, completionTokens: number, reasoningTokens: number },
 * }} Completion
 */

/** The answer to one request. What is not read waits; `result` comes without reading, too. */
export class Stream {
  /** @type {Delta[]} */
  #waiting = [];
  #isOver = false;
  /** @type {unknown} */
  #failure = null;
  #wake = () => {};
  #abort;
  /** @type {(completion: Completion) => void} */
  #resolve = () => {};
  /** @type {(error: unknown) => void} */
  #reject = () => {};

  /** @param {() => void} abort */
  constructor(abort) {
    this.#abort = abort;
    /** @type {Promise<Completion>} */
    this.result = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]));
    // Who only iterates hears of it there.
    this.result.catch(() => {});
  }

  /** Ends the answer within one step; the result is what there is by then, its `finishReason` is "aborted". */
  abort() {
    if (!this.#isOver) this.#abort();
  }

  /** @returns {AsyncIterator<Delta>} */
  [Symbol.asyncIterator]() {
    return {
      next: async () => {
        while (this.#waiting.length === 0 && !this.#isOver) {
          await new Promise((resolve) => (this.#wake = () => resolve(undefined)));
        }
        const value = this.#waiting.shift();
        if (value) return { done: false, value };
        if (this.#failure) throw this.#failure;
        return { done: true, value: undefined };
      },
      return: async () => {
        // A loop that is left has no use for the rest.
        this.abort();
        return { done: true, value: undefined };
      },
    };
  }

  /** @param {Delta[]} deltas */
  push(deltas) {
    this.#waiting.push(...deltas);
    this.#wake();
  }

  /** @param {Completion} completion */
  end(completion) {
    this.#isOver = true;
    this.#resolve(completion);
    this.#wake();
  }

  /** @param {unknown} error */
  fail(error) {
    this.#isOver = true;
    this.#failure = asTrinityError(error);
    this.#reject(this.#failure);
    this.#wake();
  }
}
