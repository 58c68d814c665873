// Settings under a name: some of ours, and the user's own, kept in this browser.

import { byId, element } from './dom.js';
import { presetsText } from './preferences.js';

const BUILT_IN = {
  Exact: { temperature: '0' },
  Balanced: { temperature: '0.7', top_p: '0.95', min_p: '0.05' },
  Varied: { temperature: '1.1', min_p: '0.05' },
};

function stored() {
  try {
    const presets = JSON.parse(presetsText.get() ?? '{}');
    return presets && typeof presets === 'object' && !Array.isArray(presets) ? presets : {};
  } catch {
    return {};
  }
}

export class Presets {
  /** `values()` are those to keep, `apply(values)` puts others in their place. */
  constructor({ values, apply }) {
    this.values = values;
    this.apply = apply;
    this.picker = byId('preset');
    this.#draw('');
    this.picker.addEventListener('change', () => this.#choose());
    byId('preset-save').addEventListener('click', () => this.#name(true));
    byId('preset-delete').addEventListener('click', () => this.#delete());
    byId('preset-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#save(byId('preset-name').value.trim());
    });
    byId('preset-name').addEventListener('keydown', (event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      this.#name(false);
    });
  }

  /** What is set is no longer what the preset says. */
  changed() {
    this.picker.value = '';
    this.#showDelete();
  }

  #draw(chosen) {
    const group = (label, names) => names.length > 0 && element('optgroup', { label }, ...names.map((name) => element('option', { value: name }, name)));
    const groups = [group('Yours', Object.keys(stored()).sort()), group('Built in', Object.keys(BUILT_IN).filter((name) => !(name in stored())))];
    this.picker.replaceChildren(element('option', { value: '' }, 'None'), ...groups.filter(Boolean));
    this.picker.value = chosen;
    this.#showDelete();
  }

  #showDelete() {
    byId('preset-delete').hidden = !(this.picker.value in stored());
  }

  #choose() {
    const name = this.picker.value;
    this.#showDelete();
    if (name === '') return;
    this.apply(structuredClone(stored()[name] ?? BUILT_IN[name]));
    this.picker.value = name;
    this.#showDelete();
  }

  #name(isAsked) {
    byId('preset-form').hidden = !isAsked;
    if (!isAsked) return byId('preset-save').focus();
    byId('preset-name').value = this.picker.value in stored() ? this.picker.value : '';
    return byId('preset-name').focus();
  }

  #save(name) {
    if (name === '') return;
    presetsText.set(JSON.stringify({ ...stored(), [name]: this.values() }));
    this.#draw(name);
    this.#name(false);
  }

  #delete() {
    const { [this.picker.value]: gone, ...others } = stored();
    presetsText.set(Object.keys(others).length > 0 ? JSON.stringify(others) : null);
    this.#draw('');
    this.picker.focus();
  }
}
