// Conversations in IndexedDB: a summary each for the list, and the messages apart, so that a long history opens at once.
//
// Two tabs may write to one conversation. So each says what it changed, and that is joined with what is there within one transaction.

import { asTree, isVoid } from './tree.js';

const SUMMARIES = 'summaries';
const MESSAGES = 'messages';

const finished = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const committed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });

/** `stored` with what `change` names of `conversation`: fields, messages, removed ids; all of it if there is no change given or nothing stored. */
function joined(stored, conversation, change) {
  if (!stored || !change) change = { fields: Object.keys(conversation), messages: conversation.messages };
  const { fields = [], messages = [], removed = [] } = change;
  const result = { ...stored, id: conversation.id };
  for (const field of fields) if (field !== 'messages') result[field] = conversation[field];
  const ours = new Map(messages.filter((message) => !isVoid(message) || message.error).map((message) => [message.id, message]));
  result.messages = (stored?.messages ?? []).filter((message) => !removed.includes(message.id)).map((message) => ours.get(message.id) ?? message);
  const known = new Set(result.messages.map((message) => message.id));
  for (const message of ours.values()) if (!known.has(message.id)) result.messages.push(message);
  return result;
}

/** A message without what only the page on screen knows of it. */
const plain = ({ failure, ...message }) => message;

class DatabaseStore {
  isLasting = true;

  constructor(database) {
    this.database = database;
  }

  list() {
    return finished(this.database.transaction(SUMMARIES).objectStore(SUMMARIES).getAll());
  }

  async load(id) {
    return this.#read(this.database.transaction([SUMMARIES, MESSAGES]), id);
  }

  async #read(transaction, id) {
    const [summary, body] = await Promise.all([finished(transaction.objectStore(SUMMARIES).get(id)), finished(transaction.objectStore(MESSAGES).get(id))]);
    return summary && body ? asTree({ ...summary, messages: body.messages }) : null;
  }

  async save(conversation, change) {
    const transaction = this.database.transaction([SUMMARIES, MESSAGES], 'readwrite');
    const { messages, ...summary } = joined(await this.#read(transaction, conversation.id), conversation, change);
    transaction.objectStore(SUMMARIES).put(summary);
    transaction.objectStore(MESSAGES).put({ id: summary.id, messages: messages.map(plain) });
    return committed(transaction);
  }

  remove(id) {
    const transaction = this.database.transaction([SUMMARIES, MESSAGES], 'readwrite');
    transaction.objectStore(SUMMARIES).delete(id);
    transaction.objectStore(MESSAGES).delete(id);
    return committed(transaction);
  }

  /** Calls `each(id, messages)` for every conversation; it ends early when that says false. */
  walk(each) {
    return new Promise((resolve, reject) => {
      const request = this.database.transaction(MESSAGES).objectStore(MESSAGES).openCursor();
      request.onerror = () => reject(request.error);
      request.onsuccess = () => {
        const cursor = request.result;
        if (cursor && each(cursor.value.id, cursor.value.messages) !== false) cursor.continue();
        else resolve();
      };
    });
  }
}

/** For browsers that keep nothing (private windows of some). */
class MemoryStore {
  isLasting = false;
  #conversations = new Map();

  async list() {
    return [...this.#conversations.values()].map(({ messages, ...summary }) => summary);
  }

  async load(id) {
    return structuredClone(this.#conversations.get(id) ?? null);
  }

  async save(conversation, change) {
    this.#conversations.set(conversation.id, structuredClone(joined(this.#conversations.get(conversation.id), conversation, change)));
  }

  async remove(id) {
    this.#conversations.delete(id);
  }

  async walk(each) {
    for (const { id, messages } of this.#conversations.values()) if (each(id, messages) === false) return;
  }
}

export async function openStore() {
  try {
    const request = indexedDB.open('trinity', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(SUMMARIES, { keyPath: 'id' });
      request.result.createObjectStore(MESSAGES, { keyPath: 'id' });
    };
    return new DatabaseStore(await finished(request));
  } catch {
    return new MemoryStore();
  }
}
