// Which conversations hold what is searched for: in their titles at once, in what was said as soon as that is read.

import { byId } from './dom.js';

const READ_AFTER_MS = 150;
/** Characters of an excerpt before what was found, and in all. */
const BEFORE = 24;
const EXCERPT = 90;

const folded = (text) => text.toLowerCase();

/** Some words around the place where `wanted` stands in `text`; null if it does not. */
export function excerpt(text, wanted) {
  const at = folded(text).indexOf(wanted);
  if (at < 0) return null;
  const from = Math.max(0, at - BEFORE);
  return `${from > 0 ? '…' : ''}${text.slice(from, from + EXCERPT).replace(/\s+/g, ' ').trim()}`;
}

export class Search {
  #wanted = '';
  /** The excerpt for each conversation in which something was found. */
  #found = new Map();
  #timer = 0;

  constructor(store, changed) {
    this.store = store;
    this.changed = changed;
    byId('search').addEventListener('input', () => this.#input());
  }

  #input() {
    this.#wanted = folded(byId('search').value.trim());
    this.#found = new Map();
    clearTimeout(this.#timer);
    if (this.#wanted) this.#timer = setTimeout(() => this.#read(this.#wanted), READ_AFTER_MS);
    // The key shows first, then the list.
    requestAnimationFrame(() => setTimeout(this.changed));
  }

  async #read(wanted) {
    await this.store.walk((id, messages) => {
      for (const { content } of messages) {
        const words = excerpt(content, wanted);
        if (!words) continue;
        this.#found.set(id, words);
        break;
      }
      return wanted === this.#wanted;
    });
    if (wanted === this.#wanted) this.changed();
  }

  /** Of all conversations those that were found; all where nothing is searched for. */
  filter(summaries) {
    if (!this.#wanted) return [...summaries];
    return summaries.filter(({ id, title }) => folded(title).includes(this.#wanted) || this.#found.has(id));
  }

  /** Where something was found that the title does not say. */
  excerptOf({ id, title }) {
    return this.#wanted && !folded(title).includes(this.#wanted) ? this.#found.get(id) : null;
  }

  /** Ends the search; says whether there was one. */
  clear() {
    if (byId('search').value === '') return false;
    byId('search').value = '';
    this.#input();
    return true;
  }
}
