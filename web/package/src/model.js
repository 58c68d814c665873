// A model that is loaded: everything that can be asked of it goes to its worker.

import { TrinityError } from "./errors.js";
import { answer } from "./openai.js";
import { Stream } from "./stream.js";

/**
 * @typedef {import("./client.js").Client} Client
 * @typedef {Record<string, any>} Options
 */

/** A loaded model. `close()` gives all its memory back. */
export class Model {
  #client;

  /**
   * @param {Client} client
   * @param {import("./types.d.ts").ModelInfo} info
   */
  constructor(client, info) {
    this.#client = client;
    this.info = info;
    /** Answers the OpenAI API inside the page: `new OpenAI({ fetch: model.fetch, … })`. */
    this.fetch = (/** @type {RequestInfo | URL} */ input, /** @type {RequestInit} */ init = {}) => answer(this, input, init);
  }

  /**
   * Goes on with a text.
   * @param {string} prompt
   * @param {Options} [options]
   */
  generate(prompt, options = {}) {
    return this.#submit({ prompt }, options);
  }

  /**
   * Answers a conversation.
   * @param {Options[]} messages
   * @param {Options} [options]
   */
  chat(messages, options = {}) {
    return this.#submit({ messages }, options);
  }

  /**
   * @param {Options} asked
   * @param {Options} options
   */
  #submit(asked, { signal, ...options }) {
    const stream = new Stream(() => this.#client.abort(call.id));
    const onMessage = (/** @type {any} */ message) => message.type === "delta" && stream.push(message.deltas);
    const call = this.#client.call("submit", { request: { ...asked, ...snakeKeys(options) } }, { onMessage });
    call.done.then(
      (completion) => stream.end(completion),
      (error) => stream.fail(error),
    );
    if (signal?.aborted) stream.abort();
    else signal?.addEventListener("abort", () => stream.abort(), { once: true });
    return stream;
  }

  /**
   * A vector for each text.
   * @param {string[]} texts
   * @returns {Promise<Float32Array[]>}
   */
  async embed(texts) {
    return (await this.embedCounted(texts)).vectors;
  }

  /**
   * The vectors, and the number of tokens that the texts had.
   * @param {string[]} texts
   * @returns {Promise<{ vectors: Float32Array[], promptTokens: number }>}
   */
  async embedCounted(texts) {
    const isList = Array.isArray(texts) && texts.every((text) => typeof text === "string");
    if (!isList) throw new TrinityError("input", "embed: texts must be a list of strings");
    return this.#client.call("embed", { texts }).done;
  }

  /**
   * @param {string} text
   * @returns {Promise<Uint32Array>}
   */
  tokenize(text) {
    return this.#client.call("tokenize", { text }).done;
  }

  /**
   * @param {Uint32Array} tokens
   * @returns {Promise<string>}
   */
  detokenize(tokens) {
    return this.#client.call("detokenize", { tokens: Uint32Array.from(tokens) }).done;
  }

  /**
   * Tokens that the conversation has as the model reads it.
   * @param {Options[]} messages
   * @returns {Promise<number>}
   */
  countTokens(messages) {
    return this.#client.call("countTokens", { messages }).done;
  }

  /**
   * The conversation as the model reads it.
   * @param {Options[]} messages
   * @returns {Promise<string>}
   */
  render(messages) {
    return this.#client.call("render", { messages }).done;
  }

  /** @returns {Promise<Record<string, any>>} */
  stats() {
    return this.#client.call("stats", {}).done;
  }

  /** Ends the worker; what still runs is rejected with the kind "closed". */
  async close() {
    this.#client.close();
  }
}

/**
 * Names of options as the engine and the server spell them: `maxTokens` is `max_tokens`. What is in them stays.
 * @param {Options} options
 * @returns {Options}
 */
export function snakeKeys(options) {
  const snake = (/** @type {string} */ name) => name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());
  const isSet = ([, value] = ["", undefined]) => value !== undefined;
  return Object.fromEntries(Object.entries(options).filter(isSet).map(([name, value]) => [snake(name), value]));
}
