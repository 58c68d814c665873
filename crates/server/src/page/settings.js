// The settings panel: what is left empty is not sent, so the server's own default holds.

import { byId, element } from './dom.js';
import { apiKey, settingsText } from './preferences.js';

/** One row per number in the request: name in the API, label, limits, explanation. */
const NUMBERS = [
  ['temperature', 'Temperature', { min: 0, max: 2, step: 0.05 }, 'Higher is more varied, 0 always takes the likeliest token'],
  ['top_p', 'Top-p', { min: 0, max: 1, step: 0.01 }, 'Only the likeliest tokens that together have this probability'],
  ['top_k', 'Top-k', { min: 0, step: 1 }, 'Only this many of the likeliest tokens'],
  ['min_p', 'Min-p', { min: 0, max: 1, step: 0.01 }, 'Only tokens at least this likely relative to the likeliest'],
  ['repeat_penalty', 'Repeat penalty', { min: 0, step: 0.05 }, 'Above 1 makes repetition less likely'],
  ['max_tokens', 'Max tokens', { min: 1, step: 1 }, 'The reply ends after this many tokens'],
  ['seed', 'Seed', { min: 0, step: 1 }, 'The same seed gives the same reply'],
];

/** Fields that the page itself sets. */
const RESERVED = ['messages', 'stream', 'stream_options', 'model', 'n'];

export class Settings {
  #values = {};

  constructor() {
    try {
      const stored = JSON.parse(settingsText.get() ?? '{}');
      if (stored && typeof stored === 'object') this.#values = stored;
    } catch {
      // Unreadable settings are no settings.
    }
    const grid = byId('setting-numbers');
    for (const [name, label, limits, hint] of NUMBERS) grid.append(this.#number(name, label, limits, hint));
    for (const name of ['system', 'extra']) {
      const field = byId(`setting-${name}`);
      field.value = this.#values[name] ?? '';
      field.addEventListener('input', () => this.#change(name, field.value, field));
    }
    this.#checkExtra();
    byId('settings-reset').addEventListener('click', () => this.reset());
    byId('forget-key').addEventListener('click', () => {
      apiKey.set(null);
      byId('forget-key').hidden = true;
    });
  }

  #number(name, label, limits, hint) {
    const field = element('input', { id: `setting-${name}`, type: 'number', inputmode: 'decimal', placeholder: 'default', 'aria-describedby': `hint-${name}`, ...limits });
    field.value = this.#values[name] ?? '';
    field.addEventListener('input', () => this.#change(name, field.value, field));
    return element('div', { class: 'setting' }, element('label', { for: field.id }, label), field, element('small', { id: `hint-${name}` }, hint));
  }

  #change(name, value, field) {
    if (value.trim() === '') delete this.#values[name];
    else this.#values[name] = value;
    settingsText.set(JSON.stringify(this.#values));
    if (name === 'extra') this.#checkExtra();
    else field.setAttribute('aria-invalid', String(!field.validity.valid));
  }

  #checkExtra() {
    let message = '';
    try {
      this.#extra();
    } catch (error) {
      message = error.message;
    }
    byId('extra-error').textContent = message;
    byId('setting-extra').setAttribute('aria-invalid', String(message !== ''));
  }

  #extra() {
    const text = this.#values.extra ?? '';
    if (text === '') return {};
    let extra;
    try {
      extra = JSON.parse(text);
    } catch (error) {
      throw new Error(`More request fields: ${error.message}`);
    }
    if (extra === null || typeof extra !== 'object' || Array.isArray(extra)) throw new Error('More request fields: must be a JSON object, such as {"stop": ["\\n\\n"]}');
    const reserved = RESERVED.find((name) => name in extra);
    if (reserved) throw new Error(`More request fields: ${reserved} is set by this page`);
    return extra;
  }

  get system() {
    return (this.#values.system ?? '').trim();
  }

  /** The fields of a request; throws if what was typed is not usable. */
  requestFields() {
    const fields = {};
    for (const [name] of NUMBERS) {
      if (this.#values[name] !== undefined) fields[name] = Number(this.#values[name]);
    }
    return { ...fields, ...this.#extra() };
  }

  reset() {
    this.#values = {};
    settingsText.set(null);
    for (const name of [...NUMBERS.map(([n]) => n), 'system', 'extra']) {
      byId(`setting-${name}`).value = '';
      byId(`setting-${name}`).removeAttribute('aria-invalid');
    }
    this.#checkExtra();
  }

  open() {
    byId('forget-key').hidden = !apiKey.get();
    byId('settings').showModal();
  }
}
