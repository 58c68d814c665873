// How full the context is, and which turns are left out when it is.

import { ApiError, request } from './client.js';
import { completionRequest } from './completing.js';
import { apiMessages, seenOf } from './conversation.js';
import { byId } from './dom.js';
import { chats, countTokens } from './models.js';
import { path } from './tree.js';

/** What the server says of a prompt that is longer than the context. */
export const TOO_LONG = 'context_length_exceeded';
/** From here on it is said in words. */
const NOTE_FROM = 0.75;
/** Without the oldest turns a prompt fills at most this part of the context, if it can: the next ones need room, too. */
const FILL_MAX = 0.6;
/** A reply has room for this many tokens at least. */
const REPLY_TOKENS_MIN = 32;
const COUNT_AFTER_MS = 500;

/** Tokens of a branch, as the server counted them with its last reply; null where that is not known. */
export function tokensUsed(conversation) {
  const last = path(conversation).at(-1);
  const { n_prompt: prompt, n_completion: completion } = last?.measured ?? {};
  // Since that reply the conversation was cut, or was not counted at all.
  if ((last?.start ?? null) !== (conversation.start ?? null) || completion === undefined) return null;
  return prompt + completion;
}

/**
 * The message from which on a branch fits into the context, so that as few turns as can be are left out; or, if even the last turn is
 * too long, its tokens. `count(messages)` asks the server.
 */
export async function startThatFits(history, start, nContext, count) {
  const seen = seenOf(history, start);
  const starts = seen.filter((message, index) => index > 0 && message.role === 'user');
  const tokens = new Map();
  const tokensFrom = async (message) => {
    if (!tokens.has(message)) tokens.set(message, await count(seen.slice(seen.indexOf(message))));
    return tokens.get(message);
  };
  let [low, high] = [0, starts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await tokensFrom(starts[middle])) <= nContext * FILL_MAX) high = middle;
    else low = middle + 1;
  }
  if (low < starts.length) return { start: starts[low].id };
  const last = starts.at(-1) ?? seen[0];
  const nLast = last ? await tokensFrom(last) : 0;
  return starts.length > 0 && nLast <= nContext - REPLY_TOKENS_MIN ? { start: last.id } : { nLast };
}

async function countPrompt(model, messages, system, signal) {
  if (!(await chats(model))) return countTokens(model, completionRequest({ messages }, {}).prompt, signal);
  const body = JSON.stringify({ model, messages: apiMessages(messages, system) });
  const headers = { 'Content-Type': 'application/json' };
  return (await (await request('v1/chat/completions/input_tokens', { method: 'POST', headers, body, signal })).json()).input_tokens;
}

/** Asks the server some time after the last call, and drops what it had asked before. */
function asker() {
  let timer = 0;
  let asking = null;
  return (ask, done) => {
    clearTimeout(timer);
    asking?.abort();
    const controller = new AbortController();
    asking = controller;
    timer = setTimeout(async () => {
      // A server that cannot count, or is not there, has told so elsewhere.
      await ask(controller.signal).catch(() => {});
      if (!controller.signal.aborted) done();
    }, COUNT_AFTER_MS);
  };
}

export class ContextMeter {
  #used = null;
  #draft = 0;
  #askUsed = asker();
  #askDraft = asker();

  /** `picker` knows the model and its context, `system()` and `goOn()` are the page's. */
  constructor({ picker, system, goOn }) {
    this.picker = picker;
    this.system = system;
    byId('go-on').addEventListener('click', goOn);
  }

  /** Asks the server for the tokens of these messages' prompt. */
  async count(messages, signal) {
    try {
      return await countPrompt(this.picker.model, messages, this.system(), signal);
    } catch (error) {
      if (error instanceof ApiError && error.nPrompt) return error.nPrompt;
      throw error;
    }
  }

  /** Is there no room left behind this reply? */
  isFull(message) {
    const { n_prompt: prompt, n_completion: completion } = message.measured ?? {};
    return this.picker.nContext !== null && completion !== undefined && prompt + completion >= this.picker.nContext - 1;
  }

  /** Shows how much the branch on screen fills; asks the server where it has not counted. */
  show(conversation) {
    this.#used = tokensUsed(conversation);
    this.#draw();
    const history = path(conversation);
    const error = history.at(-1)?.failure ?? history.at(-1)?.error;
    // A server that just failed is not asked once more.
    const isAsked = this.#used === null && history.length > 0 && (!error || error.code === TOO_LONG);
    const ask = async (signal) => {
      if (isAsked) this.#used = await this.count(seenOf(history, conversation.start), signal);
    };
    this.#askUsed(ask, () => this.#draw());
  }

  /** Counts what is being typed, once the keys rest. */
  typed(text) {
    const ask = async (signal) => {
      this.#draft = text === '' ? 0 : await countTokens(this.picker.model, text, signal);
    };
    this.#askDraft(ask, () => this.#draw());
  }

  #draw() {
    const limit = this.picker.nContext;
    const meter = byId('context');
    const used = (this.#used ?? 0) + this.#draft;
    meter.hidden = !limit || used === 0;
    const part = limit ? Math.min(1, used / limit) : 0;
    byId('context-note').hidden = meter.hidden || part < NOTE_FROM;
    if (meter.hidden) return;
    const words = `${used.toLocaleString('en')} of ${limit.toLocaleString('en')} tokens`;
    meter.setAttribute('aria-valuenow', String(Math.round(part * 100)));
    meter.setAttribute('aria-valuetext', words);
    meter.title = `Context: ${words}${this.#draft ? `, ${this.#draft.toLocaleString('en')} of them in the message field` : ''}`;
    meter.classList.toggle('nearly-full', part >= NOTE_FROM);
    byId('context-ring').setAttribute('stroke-dasharray', `${Math.round(part * 100)} 100`);
    byId('context-part').textContent = `${Math.round(part * 100)} %`;
    byId('context-words').textContent = `The context is ${Math.round(part * 100)} % full: ${words}.`;
  }
}
