// The server's API as the page needs it: models, and one streamed reply with its measurements.

import { events } from './events.js';
import { apiKey } from './preferences.js';

/** What the server refused or failed at, in the words of its error object. */
export class ApiError extends Error {
  constructor(status, body, retryAfter) {
    const error = (body && typeof body.error === 'object' && body.error) || {};
    const text = typeof error.message === 'string' ? error.message : typeof body?.error === 'string' ? body.error : '';
    super(text || (status ? `The server answered with status ${status}.` : 'The server reported an error.'));
    this.status = status;
    this.code = typeof error.code === 'string' ? error.code : undefined;
    /** Of a prompt that is too long: its tokens. */
    this.nPrompt = Number.isInteger(error.n_prompt_tokens) ? error.n_prompt_tokens : null;
    this.details = [error.type, error.code, error.param && `field ${error.param}`].filter((d) => d !== undefined && d !== null && d !== '');
    if (status) this.details.unshift(`HTTP ${status}`);
    if (retryAfter) this.details.push(`try again in ${retryAfter} s`);
  }
}

export async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (apiKey.get()) headers.Authorization = `Bearer ${apiKey.get()}`;
  let response;
  try {
    response = await fetch(path, { ...options, headers, credentials: 'same-origin', redirect: 'error' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Error('The server cannot be reached. Is it running?');
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new ApiError(response.status, body, response.headers.get('Retry-After'));
}

/** The models that the server has, as it describes them. */
export async function listModels() {
  const list = await (await request('v1/models')).json();
  return (list.data ?? []).filter((model) => typeof model.id === 'string');
}

/**
 * Streams one reply of `path`, a chat or a completion. `onChange(reply)` is called after each piece; the same reply is returned at the end:
 * content, reasoning, tool_calls, finish_reason and `measured`, which holds only what was measured here or
 * counted by the server.
 */
export async function streamReply(path, body, { signal, onChange }) {
  const reply = { content: '', reasoning: '', tool_calls: [], finish_reason: null, measured: { n_pieces: 0 } };
  const started = performance.now();
  let first = null;
  const response = await request(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
  let isComplete = false;
  try {
    for await (const data of events(response.body)) {
      if (data === '[DONE]') {
        isComplete = true;
        break;
      }
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ApiError(0, chunk);
      if (readChunk(reply, chunk)) {
        const now = performance.now();
        first ??= now;
        reply.measured.n_pieces += 1;
        reply.measured.first_token_ms = first - started;
        reply.measured.decode_ms = now - first;
      }
      onChange(reply);
    }
  } catch (error) {
    if (error.name === 'AbortError' || error instanceof ApiError) throw error;
    throw new Error(`The connection broke before the reply was complete (${error.message}).`);
  }
  if (!isComplete && reply.finish_reason === null) throw new Error('The connection ended before the reply was complete.');
  return reply;
}

/** Adds a chunk to the reply; says whether it held anything that was generated. */
function readChunk(reply, chunk) {
  if (chunk.usage) {
    reply.measured.n_prompt = chunk.usage.prompt_tokens;
    reply.measured.n_completion = chunk.usage.completion_tokens;
    reply.measured.n_cached = chunk.usage.prompt_tokens_details?.cached_tokens;
  }
  const choice = chunk.choices?.[0];
  if (!choice) return false;
  if (choice.finish_reason) reply.finish_reason = choice.finish_reason;
  const { content = choice.text, reasoning_content: reasoning, refusal, tool_calls: calls } = choice.delta ?? {};
  if (reasoning) reply.reasoning += reasoning;
  if (content) reply.content += content;
  if (refusal) reply.content += refusal;
  for (const part of calls ?? []) readToolCall(reply.tool_calls, part);
  return Boolean(content || reasoning || refusal || calls?.length);
}

function readToolCall(calls, part) {
  const index = part.index ?? 0;
  if (!Number.isInteger(index) || index < 0 || index > calls.length) return;
  calls[index] ??= { id: '', type: 'function', function: { name: '', arguments: '' } };
  const call = calls[index];
  if (part.id) call.id = part.id;
  if (part.function?.name) call.function.name += part.function.name;
  if (part.function?.arguments) call.function.arguments += part.function.arguments;
}

/** Less time than this between the first token and the last measures how the network cut the reply, not the model. */
const DECODE_MS_MIN = 20;

/** Tokens per second after the first token; pieces stand in for tokens until the server has counted. */
export function tokensPerSecond(measured) {
  const n = measured.n_completion ?? measured.n_pieces;
  return n > 1 && measured.decode_ms >= DECODE_MS_MIN ? ((n - 1) * 1000) / measured.decode_ms : null;
}
