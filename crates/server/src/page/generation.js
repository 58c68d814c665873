// Running replies: one per conversation at most, going on while another conversation is looked at.

import { ApiError, streamReply } from './client.js';
import { completionRequest } from './completing.js';
import { apiMessages, seenOf } from './conversation.js';
import { append, isVoid, newId, path } from './tree.js';

/** While a reply runs, the browser's copy is at most this old. */
const SAVE_EVERY_MS = 2000;

export class Generations {
  #running = new Map();

  /**
   * `changed(run)` after each piece, `began(run)` when a reply takes the place of another, `save(run)` from time to time and
   * `ended(run, error)` once. A run has `conversation`, `message` (which fills up), and `replaces`, the reply that is shown until the new
   * one has begun; `shown` is the one of the two that is on screen.
   */
  constructor(listener) {
    this.listener = listener;
  }

  of(id) {
    return this.#running.get(id) ?? null;
  }

  get ids() {
    return new Set(this.#running.keys());
  }

  stop(id) {
    this.#running.get(id)?.controller.abort();
  }

  /** Replies to the end of the branch that is shown. */
  reply(conversation, options) {
    const history = path(conversation);
    const message = append(conversation, { role: 'assistant', content: '', model: options.model });
    return this.#start({ conversation, message }, history, options);
  }

  /** Replies anew to what `replaces` replied to; that stays where it is, and is shown until the new reply has begun. */
  replace(conversation, replaces, options) {
    const message = { id: newId(), parent: replaces.parent, role: 'assistant', content: '', model: options.model };
    delete replaces.failure;
    return this.#start({ conversation, message, replaces }, path(conversation, replaces.parent), options);
  }

  /** Goes on with a reply that ended before its end. */
  proceed(conversation, message, options) {
    const history = path(conversation, message.id);
    const before = { content: message.content, reasoning: message.reasoning ?? '', measured: message.measured ?? {} };
    for (const field of ['error', 'failure', 'is_stopped', 'finish_reason']) delete message[field];
    return this.#start({ conversation, message, before }, history, options, { continue_final_message: true });
  }

  /** `isChat` promises whether the model chats or goes on with a text, `held` the fields that hold where the user set none. */
  #start(run, history, { model, system, fields, isChat, held }, more = {}) {
    const messages = seenOf(history, run.conversation.start);
    const stream = { stream: true, stream_options: { include_usage: true } };
    const chat = { model, messages: apiMessages(messages, system), ...stream, ...fields, ...more };
    const completion = { model, ...completionRequest({ messages }, fields), ...stream };
    // What the figures of this reply are about.
    if (run.conversation.start) run.message.start = run.conversation.start;
    run.controller = new AbortController();
    run.shown = run.replaces ?? run.message;
    this.#running.set(run.conversation.id, run);
    const request = Promise.all([isChat, held]).then(([chats, rest]) => (chats ? ['v1/chat/completions', { ...rest, ...chat }] : ['v1/completions', { ...rest, ...completion }]));
    this.#drive(run, request);
    return run;
  }

  async #drive(run, request) {
    const { conversation, message, controller } = run;
    let failure = null;
    let savedAt = performance.now();
    try {
      await streamReply(...(await request), {
        signal: controller.signal,
        onChange: (reply) => {
          fill(message, reply, run.before);
          if (run.shown !== message && isVoid(message)) return;
          if (run.shown !== message) this.#begin(run);
          this.listener.changed(run);
          if (performance.now() - savedAt > SAVE_EVERY_MS) {
            savedAt = performance.now();
            this.listener.save(run);
          }
        },
      });
      // A reply of no words is one, too.
      if (run.shown !== message) this.#begin(run);
    } catch (error) {
      if (!controller.signal.aborted) {
        failure = error;
        const told = { message: error.message, details: error instanceof ApiError ? error.details : [], code: error.code };
        if (run.shown === message) message.error = told;
        // The old reply is as good as it was; that no new one came is said below it, and not kept.
        else run.shown.failure = told;
      } else if (run.shown === message) message.is_stopped = true;
    }
    this.#running.delete(conversation.id);
    this.listener.ended(run, failure);
  }

  /** Puts the new reply on screen; the old one becomes another branch, or goes if it was nothing but an error. */
  #begin(run) {
    const { conversation, message, replaces } = run;
    append(conversation, message, replaces.parent);
    run.removed = [];
    if (isVoid(replaces) && !conversation.messages.some((other) => other.parent === replaces.id)) {
      conversation.messages.splice(conversation.messages.indexOf(replaces), 1);
      run.removed.push(replaces.id);
    }
    run.shown = message;
    this.listener.began(run);
  }
}

/** Writes what has come of a reply into its message, behind what was there `before`. */
function fill(message, reply, before) {
  message.content = (before?.content ?? '') + reply.content;
  message.measured = before ? sum(before.measured, reply.measured) : reply.measured;
  message.finish_reason = reply.finish_reason;
  const reasoning = (before?.reasoning ?? '') + reply.reasoning;
  if (reasoning) message.reasoning = reasoning;
  if (reply.tool_calls.length > 0) message.tool_calls = reply.tool_calls;
}

/** The figures of a reply that came in two parts, as if it had come in one: the second part's prompt holds the first. */
function sum(first, second) {
  const result = { ...second };
  for (const name of ['n_pieces', 'decode_ms']) result[name] = (first[name] ?? 0) + (second[name] ?? 0);
  if (first.first_token_ms !== undefined) result.first_token_ms = first.first_token_ms;
  if (first.n_completion !== undefined && second.n_completion !== undefined) {
    result.n_completion = first.n_completion + second.n_completion;
    result.n_prompt = second.n_prompt - first.n_completion;
    result.n_cached = Math.min(first.n_cached ?? 0, result.n_prompt);
  }
  return result;
}
