// What a conversation is: plain data, and the rules on it. No DOM here.

import { readAttachments, withAttachments } from './attached.js';

const TITLE_LENGTH_MAX = 60;
export const IMPORT_BYTES_MAX = 256 * 1024 * 1024;
const FORMAT = 'trinity-conversations';

export function newConversation() {
  // randomUUID is missing where the page comes over plain HTTP from another machine.
  const id = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const now = Date.now();
  return { id, title: '', created: now, updated: now, model: '', messages: [] };
}

/** The first words of what was asked. */
export function titleOf(text) {
  const line = text.trim().split('\n', 1)[0].trim();
  const characters = [...line];
  return characters.length > TITLE_LENGTH_MAX ? `${characters.slice(0, TITLE_LENGTH_MAX - 1).join('').trimEnd()}…` : line;
}

/** The messages as the API takes them. Reasoning stays here; a reply that failed before its first word is left out. */
export function apiMessages(conversation, system) {
  const messages = system ? [{ role: 'system', content: system }] : [];
  for (const message of conversation.messages) {
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

/** The first tool call of the last reply that has no result yet. */
export function openToolCall(conversation) {
  const { messages } = conversation;
  const index = messages.findLastIndex((message) => message.role === 'assistant');
  if (index < 0 || messages[index].is_stopped || messages[index].error) return null;
  const answered = new Set(messages.slice(index + 1).map((message) => message.tool_call_id));
  if (messages.slice(index + 1).some((message) => message.role === 'user')) return null;
  return (messages[index].tool_calls ?? []).find((call) => !answered.has(call.id)) ?? null;
}

export function exportText(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

/** Reads an exported file; the error says what is wrong and where. Fields that this page does not know are left out. */
export function parseImport(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new Error(`not a JSON file (${error.message})`);
  }
  if (file?.format !== FORMAT || file.version !== 1) throw new Error(`not a file exported from this page (format ${JSON.stringify(file?.format)}, version ${JSON.stringify(file?.version)})`);
  if (!Array.isArray(file.conversations)) throw new Error('conversations is not a list');
  return file.conversations.map((conversation, index) => readConversation(conversation, `conversations[${index}]`));
}

function readConversation(value, where) {
  const text = (field) => {
    if (typeof value?.[field] !== 'string') throw new Error(`${where}.${field} is not a text`);
    return value[field];
  };
  const time = (field) => {
    if (!Number.isFinite(value?.[field])) throw new Error(`${where}.${field} is not a time`);
    return value[field];
  };
  const conversation = { id: text('id'), title: text('title'), created: time('created'), updated: time('updated'), model: text('model') };
  if (typeof value.system === 'string') conversation.system = value.system;
  if (!Array.isArray(value.messages)) throw new Error(`${where}.messages is not a list`);
  conversation.messages = value.messages.map((message, index) => readMessage(message, `${where}.messages[${index}]`));
  return conversation;
}

function readMessage(value, where) {
  if (!['user', 'assistant', 'tool'].includes(value?.role)) throw new Error(`${where}.role is ${JSON.stringify(value?.role)}`);
  if (typeof value.content !== 'string') throw new Error(`${where}.content is not a text`);
  const message = { role: value.role, content: value.content };
  for (const field of ['reasoning', 'tool_call_id', 'tool_name', 'model', 'finish_reason']) {
    if (typeof value[field] === 'string') message[field] = value[field];
  }
  if (value.is_stopped === true) message.is_stopped = true;
  if (value.attachments !== undefined) message.attachments = readAttachments(value.attachments, where);
  if (Array.isArray(value.tool_calls)) message.tool_calls = value.tool_calls.map((call) => readCall(call, `${where}.tool_calls`));
  if (value.measured && typeof value.measured === 'object') {
    message.measured = Object.fromEntries(Object.entries(value.measured).filter(([, number]) => Number.isFinite(number)));
  }
  return message;
}

function readCall(value, where) {
  const { name, arguments: given } = value?.function ?? {};
  if (typeof value?.id !== 'string' || typeof name !== 'string' || typeof given !== 'string') throw new Error(`${where}: not a tool call`);
  return { id: value.id, type: 'function', function: { name, arguments: given } };
}
