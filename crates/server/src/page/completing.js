// Models without a chat template: they go on with a text, and so does the conversation with them.

import { withAttachments } from './attached.js';

/** Tokens of a reply that nothing else bounds: such a model seldom ends by itself. */
const MAX_TOKENS = 256;

/** Fields that only a chat has. */
const CHAT_ONLY = ['tools', 'tool_choice', 'parallel_tool_calls', 'reasoning_effort', 'chat_template_kwargs'];

/** The request that goes on with the conversation: one text, in which what was typed later begins a paragraph. */
export function completionRequest({ messages }, fields) {
  const parts = messages.map((message, i) => (message.role === 'assistant' || i === 0 ? '' : '\n\n') + withAttachments(message));
  const own = Object.fromEntries(Object.entries(fields).filter(([name]) => !CHAT_ONLY.includes(name)));
  return { prompt: parts.join(''), max_tokens: MAX_TOKENS, ...own };
}
