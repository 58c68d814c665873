// What the browser keeps, and how tabs tell each other of it.

import { say } from './toast.js';

export class Keeper {
  summaries = [];
  #tabs = new BroadcastChannel('trinity');
  /** Writes begun so far, and those that are not done. */
  #nBegun = 0;
  #writing = new Set();

  constructor(store) {
    this.store = store;
  }

  /** From now on `changed(id)` is called when another tab has written; `summaries` are up to date by then. */
  listen(changed) {
    this.#tabs.addEventListener('message', async ({ data: id }) => {
      await this.load();
      await changed(id);
    });
  }

  async load() {
    this.summaries = await this.store.list();
  }

  isListed(id) {
    return this.summaries.some((summary) => summary.id === id);
  }

  #list(conversation) {
    const { messages, ...summary } = conversation;
    this.summaries = [...this.summaries.filter(({ id }) => id !== summary.id), summary];
  }

  /** Keeps what `change` names of a conversation (`store.js` says how); all of it if there is none. */
  async save(conversation, change) {
    this.#list(conversation);
    await this.#write(conversation.id, () => this.store.save(conversation, change));
  }

  async remove(id) {
    this.summaries = this.summaries.filter((summary) => summary.id !== id);
    await this.#write(id, () => this.store.remove(id));
  }

  async #write(id, write) {
    this.#nBegun += 1;
    const done = write().then(
      () => this.#tabs.postMessage(id),
      (error) => say(`The browser did not keep this conversation: ${error.message}`),
    );
    this.#writing.add(done);
    await done;
    this.#writing.delete(done);
  }

  /** A conversation as all tabs have written it, this one included. */
  async reload({ id }) {
    for (;;) {
      const nBegun = this.#nBegun;
      await Promise.all(this.#writing);
      const stored = await this.store.load(id);
      // What was written meanwhile may be missing.
      if (nBegun === this.#nBegun) return stored;
    }
  }
}
