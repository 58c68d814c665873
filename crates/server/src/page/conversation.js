// What a conversation is: plain data, and the rules on it. No DOM here.

import { withAttachments } from './attached.js';
import { newId, path } from './tree.js';

const TITLE_LENGTH_MAX = 60;
/** Ends after which nothing is missing. */
const WHOLE = ['stop', 'tool_calls', 'content_filter'];

export function newConversation() {
  const now = Date.now();
  return { id: newId(), title: '', created: now, updated: now, model: '', leaf: null, messages: [] };
}

/** The first words of what was asked. */
export function titleOf(text) {
  const line = text.trim().split('\n', 1)[0].trim();
  const characters = [...line];
  return characters.length > TITLE_LENGTH_MAX ? `${characters.slice(0, TITLE_LENGTH_MAX - 1).join('').trimEnd()}…` : line;
}

/** What the model is shown of a branch: all of it, or what begins at the message `start`. */
export function seenOf(history, start) {
  return history.slice(Math.max(0, history.findIndex((message) => message.id === start)));
}

/** Messages as the API takes them. Reasoning stays here; a reply that failed before its first word is left out. */
export function apiMessages(history, system) {
  const messages = system ? [{ role: 'system', content: system }] : [];
  for (const message of history) {
    if (message.role === 'tool') {
      messages.push({ role: 'tool', tool_call_id: message.tool_call_id, content: message.content });
    } else if (message.role === 'assistant') {
      const calls = message.tool_calls ?? [];
      if (calls.length > 0) messages.push({ role: 'assistant', content: message.content || null, tool_calls: calls });
      else if (message.content) messages.push({ role: 'assistant', content: message.content });
    } else {
      messages.push({ role: message.role, content: withAttachments(message) });
    }
  }
  return messages;
}

/** The first tool call of the branch's last reply that has no result yet. */
export function openToolCall(conversation) {
  const messages = path(conversation);
  const index = messages.findLastIndex((message) => message.role === 'assistant');
  if (index < 0 || messages[index].is_stopped || messages[index].error) return null;
  const answered = new Set(messages.slice(index + 1).map((message) => message.tool_call_id));
  if (messages.slice(index + 1).some((message) => message.role === 'user')) return null;
  return (messages[index].tool_calls ?? []).find((call) => !answered.has(call.id)) ?? null;
}

/** Can this reply go on where it ended: it broke, was stopped, was cut, or the page was closed over it? */
export function isUnfinished(message) {
  if (message.role !== 'assistant' || !message.content || message.tool_calls?.length) return false;
  return Boolean(message.is_stopped || message.error || !WHOLE.includes(message.finish_reason));
}
