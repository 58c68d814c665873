// Conversations as files: all of them as JSON, which is read back, and one as Markdown.

import { readAttachments, withAttachments } from './attached.js';
import { asTree, path } from './tree.js';

export const IMPORT_BYTES_MAX = 256 * 1024 * 1024;
const FORMAT = 'trinity-conversations';
/** 1 was a list of messages for each conversation; since 2 each message names its parent. */
const VERSION = 2;

export function exportText(conversations) {
  return JSON.stringify({ format: FORMAT, version: VERSION, conversations }, null, 1);
}

/** Reads an exported file; the error says what is wrong and where. Fields that this page does not know are left out. */
export function parseImport(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch (error) {
    throw new Error(`not a JSON file (${error.message})`);
  }
  if (file?.format !== FORMAT || ![1, VERSION].includes(file.version)) throw new Error(`not a file exported from this page (format ${JSON.stringify(file?.format)}, version ${JSON.stringify(file?.version)})`);
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
  if (!/^[\w-]{1,64}$/.test(conversation.id)) throw new Error(`${where}.id is ${JSON.stringify(conversation.id)}: not letters and digits`);
  for (const field of ['leaf', 'start', 'system']) if (typeof value[field] === 'string') conversation[field] = value[field];
  if (value.pinned === true) conversation.pinned = true;
  if (!Array.isArray(value.messages)) throw new Error(`${where}.messages is not a list`);
  const known = new Set();
  conversation.messages = value.messages.map((message, index) => readMessage(message, `${where}.messages[${index}]`, known));
  return asTree(conversation);
}

function readMessage(value, where, known) {
  if (!['user', 'assistant', 'tool'].includes(value?.role)) throw new Error(`${where}.role is ${JSON.stringify(value?.role)}`);
  if (typeof value.content !== 'string') throw new Error(`${where}.content is not a text`);
  const message = { role: value.role, content: value.content };
  if (value.id !== undefined) Object.assign(message, readPlace(value, where, known));
  for (const field of ['reasoning', 'tool_call_id', 'tool_name', 'model', 'finish_reason', 'start']) {
    if (typeof value[field] === 'string') message[field] = value[field];
  }
  if (value.is_stopped === true) message.is_stopped = true;
  if (typeof value.error?.message === 'string') message.error = readError(value.error);
  if (value.attachments !== undefined) message.attachments = readAttachments(value.attachments, where);
  if (Array.isArray(value.tool_calls)) message.tool_calls = value.tool_calls.map((call) => readCall(call, `${where}.tool_calls`));
  if (value.measured && typeof value.measured === 'object') {
    message.measured = Object.fromEntries(Object.entries(value.measured).filter(([, number]) => Number.isFinite(number)));
  }
  return message;
}

function readError({ message, details, code }) {
  return { message, details: Array.isArray(details) ? details.map(String) : [], code: typeof code === 'string' ? code : undefined };
}

/** Where a message stands in the tree: below one that came before it. */
function readPlace({ id, parent = null }, where, known) {
  if (typeof id !== 'string' || known.has(id)) throw new Error(`${where}.id is ${JSON.stringify(id)}: not a name of its own`);
  if (parent !== null && !known.has(parent)) throw new Error(`${where}.parent is ${JSON.stringify(parent)}: no message before it has that id`);
  known.add(id);
  return { id, parent };
}

function readCall(value, where) {
  const { name, arguments: given } = value?.function ?? {};
  if (typeof value?.id !== 'string' || typeof name !== 'string' || typeof given !== 'string') throw new Error(`${where}: not a tool call`);
  return { id: value.id, type: 'function', function: { name, arguments: given } };
}

/** A fence that nothing in `text` closes. */
function fenced(text, language = '') {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

/** The branch that is shown, as Markdown: who said what, calls and results of tools as code. */
export function markdownOf(conversation) {
  const parts = [`# ${conversation.title || 'Conversation'}`];
  parts.push([conversation.model, new Date(conversation.created).toISOString().slice(0, 10)].filter(Boolean).join(' · '));
  for (const message of path(conversation)) {
    if (message.role === 'tool') parts.push(`## Result of ${message.tool_name ?? 'a tool'}`, fenced(message.content));
    else parts.push(message.role === 'user' ? '## You' : `## ${message.model || 'Reply'}`, withAttachments(message));
    for (const call of message.tool_calls ?? []) parts.push(`Calls \`${call.function.name}\`:`, fenced(call.function.arguments, 'json'));
    if (message.error) parts.push(`> ${message.error.message}`);
  }
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

/** A name for the file of one conversation, from its title. */
export function fileNameOf(conversation) {
  const words = conversation.title.normalize('NFKC').replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '');
  return `${[...words].slice(0, 60).join('') || 'conversation'}.md`;
}
