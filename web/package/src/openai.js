// OpenAI's API inside the page: the wire types of `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings` and
// `/v1/models`, converted here and nowhere else, so that clients of that API run on a `Model` by its `fetch`.

import { TrinityError, asTrinityError } from "./errors.js";

/**
 * @typedef {import("./model.js").Model} Model
 * @typedef {import("./stream.js").Stream} Stream
 * @typedef {import("./stream.js").Delta} Delta
 * @typedef {import("./stream.js").Choice} Choice
 * @typedef {import("./stream.js").Completion} Completion
 * @typedef {import("./stream.js").TokenLogprob} TokenLogprob
 * @typedef {Record<string, any>} Json
 */

/** Fields that say nothing to a model of one page; everything else that is not known is refused by the engine. */
const IGNORED = [
  "model", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
  "modalities", "verbosity",
];
/** HTTP status of each kind of error. */
const STATUS = { input: 400, capacity: 503, storage: 500, network: 502, bug: 500, closed: 503, aborted: 499 };
const LOGPROBS_MAX = 5;

/**
 * Answers one request, as `fetch` would.
 * @param {Model} model
 * @param {RequestInfo | URL} input
 * @param {RequestInit} init
 * @returns {Promise<Response>}
 */
export async function answer(model, input, init) {
  const request = input instanceof Request ? input : null;
  const method = (init.method ?? request?.method ?? "GET").toUpperCase();
  const signal = init.signal ?? request?.signal ?? null;
  signal?.throwIfAborted();
  const url = new URL(request?.url ?? String(input), "http://localhost");
  const path = /\/v1\/.*$/.exec(url.pathname)?.[0] ?? url.pathname;
  try {
    if (path === "/v1/models" || path.startsWith("/v1/models/")) {
      expect(method, "GET", path);
      return json(path === "/v1/models" ? { object: "list", data: [about(model)] } : about(model));
    }
    const route = { "/v1/chat/completions": chat, "/v1/completions": complete, "/v1/embeddings": embed }[path];
    if (!route) throw new HttpError(404, `there is no ${path} here`);
    expect(method, "POST", path);
    return await route(model, await bodyOf(request, init), signal);
  } catch (error) {
    // The reason of the caller's own signal, as `fetch` gives it.
    signal?.throwIfAborted();
    return refused(error);
  }
}

class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} method
 * @param {string} expected
 * @param {string} path
 */
function expect(method, expected, path) {
  if (method !== expected) throw new HttpError(405, `${path} is asked by ${expected}, not ${method}`);
}

/**
 * @param {Request | null} request
 * @param {RequestInit} init
 * @returns {Promise<Json>}
 */
async function bodyOf(request, init) {
  const text = await (init.body !== undefined && init.body !== null ? new Response(init.body) : (request ?? new Response(""))).text();
  try {
    const body = JSON.parse(text);
    if (typeof body === "object" && body !== null && !Array.isArray(body)) return body;
  } catch {
    // Said below.
  }
  throw new HttpError(400, "the body must be a JSON object");
}

/**
 * @param {Json} value
 * @param {number} [status]
 */
function json(value, status = 200) {
  return new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json" } });
}

/** @param {unknown} error */
function errorBody(error) {
  if (error instanceof HttpError) return { status: error.status, body: shape(error.message, error.status) };
  const { kind, message, detail } = asTrinityError(error);
  return { status: STATUS[kind], body: shape(message, STATUS[kind], detail.field) };
}

/**
 * @param {string} message
 * @param {number} status
 * @param {unknown} [param]
 */
function shape(message, status, param = null) {
  const type = status < 500 ? "invalid_request_error" : "server_error";
  return { error: { message, type, param, code: null } };
}

/** @param {unknown} error */
function refused(error) {
  const { status, body } = errorBody(error);
  // Clients try again what is above 499; here nothing would be different.
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", "x-should-retry": "false" } });
}

/** @param {Model} model */
function nameOf(model) {
  return model.info.name || "model";
}

/** @param {Model} model */
function about(model) {
  return { id: nameOf(model), object: "model", created: 0, owned_by: "trinity" };
}

/** @param {string} prefix */
function newId(prefix) {
  return prefix + crypto.randomUUID().replaceAll("-", "");
}

/**
 * What both kinds of completion have in common.
 * @param {Json} body
 * @param {AbortSignal | null} signal
 */
function taken({ stream = false, stream_options: streamOptions, ...rest }, signal) {
  for (const name of IGNORED) delete rest[name];
  const options = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
  if (signal) options.signal = signal;
  return { options, isStreamed: stream === true, hasUsage: streamOptions?.include_usage === true };
}

/**
 * @param {Model} model
 * @param {Json} body
 * @param {AbortSignal | null} signal
 */
async function chat(model, body, signal) {
  const { options, isStreamed, hasUsage } = taken(body, signal);
  const { messages, max_completion_tokens: tokensMax, ...more } = options;
  if (!Array.isArray(messages)) throw new TrinityError("input", "messages: a list of messages is needed", { field: "messages" });
  if (tokensMax !== undefined) more.max_tokens = tokensMax;
  const head = { id: newId("chatcmpl-"), object: "chat.completion", created: seconds(), model: nameOf(model) };
  const stream = model.chat(messages, more);
  if (!isStreamed) {
    const completion = await whole(stream, signal);
    return json({ ...head, choices: completion.choices.map(chatChoice), usage: usage(completion) });
  }
  return events({ ...head, object: "chat.completion.chunk" }, stream, signal, hasUsage, {
    first: (index) => ({ index, delta: { role: "assistant", content: "" }, logprobs: null, finish_reason: null }),
    delta: (index, delta) => ({ index, delta: chatDelta(delta), logprobs: delta.logprobs ? { content: delta.logprobs.map(tokenWire) } : null, finish_reason: null }),
    last: (index, choice) => ({ index, delta: {}, logprobs: null, finish_reason: finish(choice) }),
  });
}

/**
 * @param {Choice} choice
 * @param {number} index
 */
function chatChoice(choice, index) {
  const { text, reasoning, toolCalls, logprobs } = choice;
  const calls = toolCalls.map(({ id, name, arguments: given }) => ({ id, type: "function", function: { name, arguments: given } }));
  const message = {
    role: "assistant",
    content: calls.length > 0 && text === "" ? null : text,
    refusal: null,
    ...(reasoning ? { reasoning_content: reasoning } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
  return { index, message, logprobs: logprobs ? { content: logprobs.map(tokenWire) } : null, finish_reason: finish(choice) };
}

/** @param {Delta} delta */
function chatDelta({ text, reasoning, toolCall }) {
  if (text !== undefined) return { content: text };
  if (reasoning !== undefined) return { reasoning_content: reasoning };
  if (toolCall === undefined) return {};
  const { index, id, name, arguments: given } = toolCall;
  const begins = id === undefined ? {} : { id, type: "function" };
  return { tool_calls: [{ index, ...begins, function: { ...(name === undefined ? {} : { name }), arguments: given } }] };
}

/** @param {TokenLogprob} token */
function tokenWire({ text, logprob, top }) {
  const wire = (/** @type {{ text: string, logprob: number }} */ one) => ({
    token: one.text,
    logprob: one.logprob,
    bytes: [...new TextEncoder().encode(one.text)],
  });
  return { ...wire({ text, logprob }), top_logprobs: (top ?? []).map(wire) };
}

/** @param {Choice} choice */
function finish({ finishReason }) {
  return { stop: "stop", length: "length", tool_calls: "tool_calls" }[finishReason] ?? "length";
}

/** @param {Completion} completion */
function usage({ usage: { promptTokens, completionTokens, cachedTokens, reasoningTokens } }) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
    completion_tokens_details: { reasoning_tokens: reasoningTokens },
  };
}

function seconds() {
  return Math.floor(Date.now() / 1000);
}

/**
 * @param {Model} model
 * @param {Json} body
 * @param {AbortSignal | null} signal
 */
async function complete(model, body, signal) {
  const { options, isStreamed, hasUsage } = taken(body, signal);
  const { prompt, logprobs, ...more } = options;
  if (typeof prompt !== "string") throw new TrinityError("input", "prompt: one text is needed", { field: "prompt" });
  if (logprobs !== undefined) {
    // A number here, as this API is older.
    if (!Number.isInteger(logprobs) || logprobs < 0 || logprobs > LOGPROBS_MAX) {
      throw new TrinityError("input", `logprobs: ${JSON.stringify(logprobs)}, but it is a number from 0 to ${LOGPROBS_MAX}`, { field: "logprobs" });
    }
    [more.logprobs, more.top_logprobs] = [true, logprobs];
  }
  const head = { id: newId("cmpl-"), object: "text_completion", created: seconds(), model: nameOf(model) };
  const stream = model.generate(prompt, more);
  const wire = (/** @type {number} */ index, /** @type {string} */ text, /** @type {TokenLogprob[] | null | undefined} */ tokens, /** @type {string | null} */ reason) => {
    return { index, text, logprobs: tokens ? oldLogprobs(tokens) : null, finish_reason: reason };
  };
  if (!isStreamed) {
    const completion = await whole(stream, signal);
    const choices = completion.choices.map((choice, index) => wire(index, choice.text, choice.logprobs, finish(choice)));
    return json({ ...head, choices, usage: usage(completion) });
  }
  return events(head, stream, signal, hasUsage, {
    first: () => null,
    delta: (index, { text = "", logprobs: tokens }) => wire(index, text, tokens, null),
    last: (index, choice) => wire(index, "", null, finish(choice)),
  });
}

/** @param {TokenLogprob[]} tokens */
function oldLogprobs(tokens) {
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map(({ logprob }) => logprob),
    top_logprobs: tokens.map(({ top }) => Object.fromEntries((top ?? []).map(({ text, logprob }) => [text, logprob]))),
  };
}

/**
 * @param {Stream} stream
 * @param {AbortSignal | null} signal
 */
async function whole(stream, signal) {
  const completion = await stream.result;
  signal?.throwIfAborted();
  return completion;
}

/**
 * The answer as server-sent events, whose texts joined are the whole one.
 * @param {Json} head
 * @param {Stream} stream
 * @param {AbortSignal | null} signal
 * @param {boolean} hasUsage
 * @param {{
 *   first(index: number): Json | null, delta(index: number, delta: Delta): Json, last(index: number, choice: Choice): Json,
 * }} wire
 */
async function events(head, stream, signal, hasUsage, wire) {
  const deltas = stream[Symbol.asyncIterator]();
  // What is refused before the first piece is an answer with that status, not a stream that breaks off.
  let next = await deltas.next();
  signal?.throwIfAborted();
  const encoder = new TextEncoder();
  const begun = new Set();
  /** @param {ReadableStreamDefaultController<Uint8Array>} controller */
  const write = (controller, /** @type {unknown} */ value) => {
    controller.enqueue(encoder.encode(`data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`));
  };
  const chunk = (/** @type {Json[]} */ choices, /** @type {Json | null} */ used = null) => ({ ...head, choices, ...(hasUsage ? { usage: used } : {}) });
  /** @param {ReadableStreamDefaultController<Uint8Array>} controller */
  const begin = (controller, /** @type {number} */ index) => {
    if (begun.has(index)) return;
    begun.add(index);
    const first = wire.first(index);
    if (first) write(controller, chunk([first]));
  };
  const body = new ReadableStream({
    async pull(controller) {
      try {
        if (!next.done) {
          const index = next.value.choice ?? 0;
          begin(controller, index);
          write(controller, chunk([wire.delta(index, next.value)]));
          next = await deltas.next();
          return;
        }
        signal?.throwIfAborted();
        const completion = await stream.result;
        completion.choices.forEach((choice, index) => {
          begin(controller, index);
          write(controller, chunk([wire.last(index, choice)]));
        });
        if (hasUsage) write(controller, chunk([], usage(completion)));
        write(controller, "[DONE]");
        controller.close();
      } catch (error) {
        if (signal?.aborted) return controller.error(signal.reason);
        write(controller, errorBody(error).body);
        controller.close();
      }
    },
    cancel: () => stream.abort(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}

/**
 * @param {Model} model
 * @param {Json} body
 */
async function embed(model, { input, model: _, user: __, encoding_format: format = "float", ...unknown }) {
  const name = Object.keys(unknown)[0];
  if (name) throw new TrinityError("input", `${name}: not supported`, { field: name });
  if (format !== "float" && format !== "base64") throw new TrinityError("input", `encoding_format: ${JSON.stringify(format)}, but it is float or base64`, { field: "encoding_format" });
  const texts = typeof input === "string" ? [input] : input;
  const { vectors, promptTokens } = await model.embedCounted(texts);
  const data = vectors.map((vector, index) => ({ object: "embedding", index, embedding: format === "float" ? [...vector] : base64(vector) }));
  return json({ object: "list", data, model: nameOf(model), usage: { prompt_tokens: promptTokens, total_tokens: promptTokens } });
}

/** @param {Float32Array} vector */
function base64(vector) {
  let binary = "";
  for (const byte of new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)) binary += String.fromCharCode(byte);
  return btoa(binary);
}
