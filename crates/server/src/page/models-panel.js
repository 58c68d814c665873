// The panel of models: which there are, which are in memory, and how others come.

import { byId, element } from './dom.js';
import { factsInWords, factsOf, inBytes, load, loadedModels, pull, pullable, unload } from './models.js';

/** Far enough away to be for ever, which the API has a date for. */
const FOREVER_MS = 365 * 24 * 3600 * 1000;

export class ModelsPanel {
  #pulling = null;

  /** `ids()` lists the models, `current()` is the one asked, `choose(id)` asks another, `reload()` looks for new ones. */
  constructor(actions) {
    this.actions = actions;
    byId('open-models').addEventListener('click', () => this.open());
    byId('pull-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#pull(byId('pull-name').value.trim());
    });
    byId('pull-stop').addEventListener('click', () => this.#pulling?.abort());
  }

  open() {
    byId('models').showModal();
    byId('models-status').textContent = '';
    this.refresh();
  }

  async refresh() {
    const ids = this.actions.ids();
    const [loaded, names] = await Promise.all([loadedModels().catch(() => new Map()), pullable().catch(() => null)]);
    byId('model-list').replaceChildren(...ids.map((id) => this.#item(id, loaded.get(id))));
    const bytes = [...loaded.values()].reduce((sum, model) => sum + model.bytes, 0);
    byId('models-memory').textContent = loaded.size === 0 ? 'No model is in memory.' : `In memory: ${loaded.size} of ${ids.length}, ${inBytes(bytes)}.`;
    byId('pull-form').hidden = names === null;
    byId('pull-closed').hidden = names !== null;
    byId('pull-names').replaceChildren(...(names ?? []).filter((name) => !ids.includes(name)).map((name) => element('option', { value: name })));
  }

  #item(id, memory) {
    const isCurrent = id === this.actions.current();
    const facts = element('p', { class: 'quiet' });
    const badge = element('span', { class: 'badge', hidden: true }, 'completes text');
    factsOf(id).then((known) => {
      facts.textContent = factsInWords(known).map(([label, value]) => (label === 'Context' ? `context ${value}` : label === 'Parameters' ? `${value} parameters` : value)).join(' · ');
      badge.hidden = known.isChat;
    }, (error) => (facts.textContent = error.message));
    const buttons = [
      this.#button(isCurrent ? 'In use' : 'Use', `Use ${id}`, () => this.#choose(id), { disabled: isCurrent }),
      memory ? this.#button('Unload', `Unload ${id}`, () => this.#change(unload(id), `${id} is unloaded.`)) : this.#button('Load', `Load ${id}`, () => this.#change(load(id), `${id} is in memory.`)),
    ];
    return element('li', { class: isCurrent ? 'current' : null },
      element('h3', {}, element('span', { dir: 'auto' }, id), badge), facts,
      element('div', { class: 'row-buttons' }, element('small', {}, memory ? `In memory: ${inBytes(memory.bytes)}${until(memory.expires)}` : 'Not in memory'), ...buttons));
  }

  #button(text, label, click, more = {}) {
    return element('button', { type: 'button', class: 'text-button', 'aria-label': label, click, ...more }, text);
  }

  #choose(id) {
    this.actions.choose(id);
    byId('models').close();
  }

  async #change(work, done) {
    byId('models-status').textContent = 'One moment…';
    byId('models-status').textContent = await work.then(() => done, (error) => error.message);
    await this.refresh();
  }

  async #pull(name) {
    if (name === '' || this.#pulling) return;
    const [bar, words] = [byId('pull-progress'), byId('pull-words')];
    this.#pulling = new AbortController();
    byId('pull-running').hidden = false;
    words.classList.remove('wrong');
    words.textContent = 'Asking…';
    bar.removeAttribute('value');
    try {
      await pull(name, { signal: this.#pulling.signal, onProgress: (line) => showProgress(bar, words, line) });
      words.textContent = `${name} is here.`;
      byId('pull-name').value = '';
      await this.actions.reload();
    } catch (error) {
      words.textContent = error.name === 'AbortError' ? 'Stopped. What came is kept.' : error.message;
      words.classList.toggle('wrong', error.name !== 'AbortError');
    }
    this.#pulling = null;
    byId('pull-running').hidden = true;
    this.refresh();
  }
}

function showProgress(bar, words, { status, completed, total }) {
  if (total) {
    bar.max = total;
    bar.value = completed ?? 0;
    words.textContent = `${inBytes(completed ?? 0)} of ${inBytes(total)}`;
  } else {
    bar.removeAttribute('value');
    words.textContent = completed ? inBytes(completed) : status ?? '';
  }
}

function until(expires) {
  const ms = expires - Date.now();
  if (!(ms < FOREVER_MS)) return '';
  const minutes = Math.max(1, Math.round(ms / 60_000));
  return `, for ${minutes} min more`;
}
