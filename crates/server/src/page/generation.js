// Running replies: one per conversation at most, going on while another conversation is looked at.

import { ApiError, streamReply } from './client.js';
import { completionRequest } from './completing.js';
import { apiMessages } from './conversation.js';

/** While a reply runs, the browser's copy is at most this old. */
const SAVE_EVERY_MS = 2000;

export class Generations {
  #running = new Map();

  /** `changed(conversation, message)` after each piece, `ended(conversation, message, error)` once, `save(conversation)` from time to time. */
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

  /** Begins a reply and returns its message, which fills up as it comes; `isChat` promises whether the model chats or goes on with a text. */
  start(conversation, { model, system, fields, isChat }) {
    const more = { stream: true, stream_options: { include_usage: true } };
    const chat = { model, messages: apiMessages(conversation, system), ...more, ...fields };
    const completion = { model, ...completionRequest(conversation, fields), ...more };
    const message = { role: 'assistant', content: '', model };
    conversation.messages.push(message);
    const run = { conversation, message, controller: new AbortController() };
    this.#running.set(conversation.id, run);
    this.#drive(run, isChat.then((chats) => (chats ? ['v1/chat/completions', chat] : ['v1/completions', completion])));
    return message;
  }

  async #drive({ conversation, message, controller }, request) {
    let failure = null;
    let savedAt = performance.now();
    try {
      await streamReply(...(await request), {
        signal: controller.signal,
        onChange: (reply) => {
          Object.assign(message, { content: reply.content, measured: reply.measured, finish_reason: reply.finish_reason });
          if (reply.reasoning) message.reasoning = reply.reasoning;
          if (reply.tool_calls.length > 0) message.tool_calls = reply.tool_calls;
          this.listener.changed(conversation, message);
          if (performance.now() - savedAt > SAVE_EVERY_MS) {
            savedAt = performance.now();
            this.listener.save(conversation);
          }
        },
      });
    } catch (error) {
      if (controller.signal.aborted) message.is_stopped = true;
      else {
        failure = error;
        message.error = { message: error.message, details: error instanceof ApiError ? error.details : [] };
      }
    }
    this.#running.delete(conversation.id);
    this.listener.ended(conversation, message, failure);
  }
}
