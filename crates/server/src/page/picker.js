// Which model replies, and the key that the server may ask for.

import { listModels } from './client.js';
import { byId, element } from './dom.js';
import { apiKey, lastModel } from './preferences.js';

export class Picker {
  #models = [];
  /** What to do again once there is a key. */
  #afterKey = null;

  /** `wanted()` is the model that the conversation had; `loaded()` is called when the list is there, `chosen()` when another is chosen. */
  constructor({ wanted, loaded, chosen }) {
    this.list = byId('model');
    this.wanted = wanted;
    this.loaded = loaded;
    this.list.addEventListener('change', () => {
      lastModel.set(this.model);
      chosen();
    });
    byId('retry-models').addEventListener('click', () => this.load());
    byId('key-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#useKey(byId('key-field').value.trim());
    });
  }

  get model() {
    return this.list.value;
  }

  get ids() {
    return this.#models.map((model) => model.id);
  }

  get isEmpty() {
    return this.#models.length === 0;
  }

  get hasSeveral() {
    return this.#models.length > 1;
  }

  /** What the server says of the chosen model; `meta` is missing while it is not in memory. */
  get facts() {
    return this.#models.find((model) => model.id === this.model) ?? null;
  }

  /** Tokens that the chosen model's context holds, once that is known. */
  get nContext() {
    return this.facts?.meta?.n_ctx ?? null;
  }

  /** Chooses `id` if the server has it. */
  choose(id) {
    if (this.#models.some((model) => model.id === id)) this.list.value = id;
  }

  /** Chooses `id` as a user does. */
  use(id) {
    this.list.value = id;
    this.list.dispatchEvent(new Event('change'));
  }

  /** Asks again what the server has, and says nothing if that fails. */
  async refresh() {
    this.#models = await listModels().catch(() => this.#models);
  }

  async load() {
    const notice = byId('notice');
    notice.hidden = true;
    try {
      this.#models = await listModels();
      const wanted = [this.wanted(), this.model, lastModel.get()].find((id) => this.ids.includes(id));
      this.list.replaceChildren(...this.ids.map((id) => element('option', { value: id }, id)));
      if (wanted) this.list.value = wanted;
      this.list.disabled = this.isEmpty;
      this.loaded();
      if (this.isEmpty) throw new Error('The server has no model.');
    } catch (error) {
      if (error.status === 401) return this.askForKey(error);
      byId('notice-text').textContent = [error.message, ...(error.details ?? [])].join(' · ');
      notice.hidden = false;
    }
  }

  /** Asks for a key; `then` is done when there is one. */
  askForKey(error, then = null) {
    this.#afterKey = then;
    byId('key-reason').textContent = apiKey.get() ? error.message : 'This server asks for an API key. It is kept until this tab is closed.';
    byId('key-field').value = '';
    if (!byId('key').open) byId('key').showModal();
  }

  async #useKey(value) {
    if (!value) return;
    apiKey.set(value);
    byId('key').close();
    const again = this.#afterKey;
    this.#afterKey = null;
    if (this.isEmpty) await this.load();
    if (!this.isEmpty) again?.();
  }
}
