// The settings panel: what is left empty is not sent, so what holds in the server holds here.

import { byId, element, iconButton } from './dom.js';
import { shownOf } from './models.js';
import { apiKey, settingsText } from './preferences.js';
import { Presets } from './presets.js';
import { parseSchema } from './schema.js';
import { SchemaForm } from './schema-form.js';
import { ToolsForm, toolsForRequest } from './tools.js';

/** One row per number in the request: name in the API, label, limits, reach of the slider if it has one, explanation. */
const NUMBERS = [
  ['temperature', 'Temperature', { min: 0, max: 2, step: 0.05 }, [0, 2], 'Higher is more varied, 0 always takes the likeliest token'],
  ['top_p', 'Top-p', { min: 0, max: 1, step: 0.01 }, [0, 1], 'Only the likeliest tokens that together have this probability'],
  ['top_k', 'Top-k', { min: 0, step: 1 }, [0, 200], 'Only this many of the likeliest tokens; 0 for all'],
  ['min_p', 'Min-p', { min: 0, max: 1, step: 0.01 }, [0, 1], 'Only tokens at least this likely relative to the likeliest'],
  ['repeat_penalty', 'Repeat penalty', { min: 0, step: 0.05 }, [0.5, 2], 'Above 1 makes repetition less likely'],
  ['max_tokens', 'Max tokens', { min: 1, step: 1 }, [1, 4096], 'The reply ends after this many tokens'],
  ['seed', 'Seed', { min: 0, step: 1 }, null, 'The same seed gives the same reply'],
];

/** Fields that the page itself sets. */
const RESERVED = ['messages', 'prompt', 'stream', 'stream_options', 'model', 'n'];

/** A default as a number that means something; -1 is the word for none. */
const shown = (value) => (Number.isFinite(value) && value >= 0 ? String(value) : 'none');

export class Settings {
  #values = {};
  #conversation = { messages: [] };

  /** `changed(conversation)` when its system prompt has changed, `model()` is the one that is asked. */
  constructor({ changed, model }) {
    this.changed = changed;
    this.model = model;
    try {
      const stored = JSON.parse(settingsText.get() ?? '{}');
      if (stored && typeof stored === 'object') this.#values = stored;
    } catch {
      // Unreadable settings are no settings.
    }
    byId('setting-numbers').append(...NUMBERS.map((row) => this.#number(...row)));
    for (const name of ['stop', 'answer', 'tool_choice', 'extra']) {
      byId(`setting-${name}`).addEventListener('input', (event) => this.#change(name, event.target.value));
    }
    byId('setting-system').addEventListener('input', (event) => this.#changeSystem(event.target.value));
    byId('system-default').addEventListener('click', () => this.#keepSystem());
    this.schema = new SchemaForm({ what: 'Field', changed: (text) => this.#change('schema', text) });
    byId('answer-schema').append(this.schema.root);
    this.tools = new ToolsForm({ changed: (tools) => this.#change('tools', tools) });
    this.presets = new Presets({ values: () => ({ ...this.#values, system: this.system }), apply: (values) => this.#apply(values) });
    byId('settings-reset').addEventListener('click', () => this.#apply({}));
    byId('forget-key').addEventListener('click', () => {
      apiKey.set(null);
      byId('forget-key').hidden = true;
    });
    this.#show();
  }

  #number(name, label, limits, reach, hint) {
    const field = element('input', { id: `setting-${name}`, type: 'number', inputmode: 'decimal', placeholder: 'default', 'aria-describedby': `hint-${name}`, ...limits });
    const slider = reach && element('input', { id: `slide-${name}`, type: 'range', 'aria-label': label, min: reach[0], max: reach[1], step: limits.step });
    field.addEventListener('input', () => {
      this.#change(name, field.value);
      this.#showNumber(name);
    });
    slider?.addEventListener('input', () => {
      this.#change(name, slider.value);
      field.value = slider.value;
      this.#showNumber(name);
    });
    const reset = iconButton('again', `${label}: back to the default`, () => {
      this.#change(name, '');
      field.value = '';
      this.#showNumber(name);
      field.focus();
    }, { id: `default-${name}` });
    return element('div', { class: 'setting' }, element('label', { for: field.id }, label), reset, field, slider, element('small', { id: `hint-${name}` }, hint));
  }

  /** Slider, mark of what is wrong and way back to the default, after the number changed. */
  #showNumber(name) {
    const [field, slider] = [byId(`setting-${name}`), byId(`slide-${name}`)];
    const isSet = field.value !== '' || field.validity.badInput;
    const { badInput, rangeUnderflow, rangeOverflow, stepMismatch } = field.validity;
    // The steps of a fraction are the slider's: 0.33 is as good a number as 0.35.
    field.setAttribute('aria-invalid', String(badInput || rangeUnderflow || rangeOverflow || (stepMismatch && field.step === '1')));
    byId(`default-${name}`).hidden = !isSet;
    if (!slider) return;
    slider.value = field.value || this.defaults?.[name] || slider.max;
    slider.classList.toggle('unset', !isSet);
  }

  /** Everything as it is in the values. */
  #show() {
    for (const [name] of NUMBERS) {
      byId(`setting-${name}`).value = this.#values[name] ?? '';
      this.#showNumber(name);
    }
    for (const name of ['stop', 'answer', 'tool_choice', 'extra']) byId(`setting-${name}`).value = this.#values[name] ?? '';
    this.schema.show(this.#values.schema ?? '');
    this.tools.show(this.#values.tools ?? []);
    this.#check();
  }

  #apply({ system, ...values }) {
    this.#values = { ...values, ...(this.#values.system && { system: this.#values.system }) };
    if (Object.keys(values).length === 0 && system === undefined) {
      delete this.#values.system;
      this.#changeSystem('');
    } else if (system !== undefined) this.#changeSystem(system);
    this.#store();
    this.#show();
    this.showConversation(this.#conversation);
  }

  #store() {
    settingsText.set(Object.keys(this.#values).length > 0 ? JSON.stringify(this.#values) : null);
  }

  #change(name, value) {
    if (value.length === 0 || (typeof value === 'string' && value.trim() === '' && name !== 'stop')) delete this.#values[name];
    else this.#values[name] = value;
    this.#store();
    this.presets.changed();
    this.#check();
  }

  #check() {
    let message = '';
    try {
      this.#extra();
    } catch (error) {
      message = error.message;
    }
    byId('extra-error').textContent = message;
    byId('setting-extra').setAttribute('aria-invalid', String(message !== ''));
    byId('answer-schema').hidden = this.#values.answer !== 'schema';
    byId('tool-choice').hidden = !this.#values.tools;
  }

  // ---- the system prompt, which is the conversation's own

  /** From now on the system prompt shown is this conversation's. */
  showConversation(conversation) {
    this.#conversation = conversation;
    byId('setting-system').value = this.system;
    this.#showSystem();
  }

  /** What the conversation says, or where it says nothing what new ones begin with. */
  get system() {
    return this.systemOf(this.#conversation);
  }

  systemOf(conversation) {
    return (conversation.system ?? this.#values.system ?? '').trim();
  }

  #changeSystem(text) {
    this.#conversation.system = text.trim();
    this.changed(this.#conversation);
    this.#showSystem();
  }

  #keepSystem() {
    if (this.system === '') delete this.#values.system;
    else this.#values.system = this.system;
    this.#store();
    this.#showSystem();
    byId('setting-system').focus();
  }

  #showSystem() {
    const isDefault = this.system === (this.#values.system ?? '').trim();
    byId('system-default').hidden = isDefault;
    byId('hint-system').textContent = isDefault ? 'Of this conversation, and of new ones.' : 'Of this conversation.';
  }

  // ---- the request

  #extra() {
    const text = this.#values.extra ?? '';
    if (text === '') return {};
    let extra;
    try {
      extra = JSON.parse(text);
    } catch (error) {
      throw new Error(`More request fields: ${error.message}`);
    }
    if (extra === null || typeof extra !== 'object' || Array.isArray(extra)) throw new Error('More request fields: must be a JSON object, such as {"top_logprobs": 3}');
    const reserved = RESERVED.find((name) => name in extra);
    if (reserved) throw new Error(`More request fields: ${reserved} is set by this page`);
    return extra;
  }

  #responseFormat() {
    const { answer, schema = '' } = this.#values;
    if (answer === 'json') return { response_format: { type: 'json_object' } };
    if (answer !== 'schema') return {};
    if (schema.trim() === '') throw new Error('Answer: the schema has no fields yet');
    try {
      return { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: parseSchema(schema), strict: true } } };
    } catch (error) {
      throw new Error(`Answer: the schema is ${error.message}`);
    }
  }

  #tools() {
    const { tools = [], tool_choice: choice } = this.#values;
    return tools.length === 0 ? {} : { tools: toolsForRequest(tools), ...(choice && { tool_choice: choice }) };
  }

  /** The fields of a request; throws if what was typed is not usable. */
  requestFields() {
    const fields = {};
    for (const [name] of NUMBERS) {
      if (this.#values[name] !== undefined) fields[name] = Number(this.#values[name]);
    }
    const stop = stopStrings(this.#values.stop ?? '');
    return { ...fields, ...(stop.length > 0 && { stop }), ...this.#responseFormat(), ...this.#tools(), ...this.#extra() };
  }

  // ---- the panel

  open() {
    byId('forget-key').hidden = !apiKey.get();
    byId('settings').showModal();
    this.showDefaults();
  }

  /** What holds where nothing is set, in the empty fields. */
  async showDefaults() {
    this.defaults = await shownOf(this.model()).catch(() => null);
    for (const [name] of NUMBERS) {
      byId(`setting-${name}`).placeholder = !this.defaults ? 'default' : name === 'seed' ? 'random' : shown(this.defaults[name]);
      this.#showNumber(name);
    }
    if (this.defaults) byId('slide-max_tokens').max = this.defaults.n_ctx;
  }
}

/** Stop strings out of lines; \n and \t in them are spelled out. */
export function stopStrings(text) {
  const spelled = { '\\n': '\n', '\\t': '\t', '\\\\': '\\' };
  return text.split('\n').filter((line) => line !== '').map((line) => line.replace(/\\[nt\\]/g, (pair) => spelled[pair]));
}
