// Conversations in IndexedDB: a summary each for the list, and the messages apart, so that a long history opens at once.

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

class DatabaseStore {
  isLasting = true;

  constructor(database) {
    this.database = database;
  }

  list() {
    return finished(this.database.transaction(SUMMARIES).objectStore(SUMMARIES).getAll());
  }

  async load(id) {
    const transaction = this.database.transaction([SUMMARIES, MESSAGES]);
    const [summary, body] = await Promise.all([
      finished(transaction.objectStore(SUMMARIES).get(id)),
      finished(transaction.objectStore(MESSAGES).get(id)),
    ]);
    return summary && body ? { ...summary, messages: body.messages } : null;
  }

  save({ messages, ...summary }) {
    const transaction = this.database.transaction([SUMMARIES, MESSAGES], 'readwrite');
    transaction.objectStore(SUMMARIES).put(summary);
    transaction.objectStore(MESSAGES).put({ id: summary.id, messages });
    return committed(transaction);
  }

  remove(id) {
    const transaction = this.database.transaction([SUMMARIES, MESSAGES], 'readwrite');
    transaction.objectStore(SUMMARIES).delete(id);
    transaction.objectStore(MESSAGES).delete(id);
    return committed(transaction);
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

  async save(conversation) {
    this.#conversations.set(conversation.id, structuredClone(conversation));
  }

  async remove(id) {
    this.#conversations.delete(id);
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
