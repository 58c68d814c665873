// Files and long pasted text beside the message field, each with its tokens, until they are sent.

import { PASTED_LENGTH_MIN, textOf, withAttachments } from './attached.js';
import { byId, element, iconButton } from './dom.js';
import { countTokens, factsOf, inBytes } from './models.js';

const tokens = (n) => `${n.toLocaleString('en')} token${n === 1 ? '' : 's'}`;

export class Attachments {
  /** The files of conversations that are not looked at. */
  #kept = new Map();
  #conversation = null;
  #files = [];
  /** Of files by model: what has been counted once. */
  #counts = new WeakMap();

  /** `model()` counts the tokens, `say(text)` tells what was not taken. */
  constructor({ model, say }) {
    this.model = model;
    this.say = say;
    this.list = byId('attachments');
    const chooser = byId('attach-file');
    byId('attach').addEventListener('click', () => chooser.click());
    chooser.addEventListener('change', () => {
      this.#take([...chooser.files]);
      chooser.value = '';
    });
    byId('model').addEventListener('change', () => this.#show());
    byId('field').addEventListener('paste', (event) => this.#paste(event));
    this.#receiveDrops(byId('main'));
  }

  get files() {
    return this.#files;
  }

  /** From now on those of this conversation. */
  switchTo(conversation) {
    if (this.#conversation) this.#kept.set(this.#conversation.id, this.#files);
    this.#conversation = conversation;
    this.replace(this.#kept.get(conversation.id) ?? []);
  }

  replace(files) {
    this.#files = [...files];
    this.#show();
  }

  #add(file) {
    this.replace([...this.#files, file]);
    byId('field').focus();
  }

  async #take(files) {
    for (const file of files) {
      try {
        this.#add({ name: file.name, text: textOf(file.name, new Uint8Array(await file.arrayBuffer())) });
      } catch (error) {
        this.say(error.message);
      }
    }
  }

  #paste(event) {
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData('text/plain');
    if (text === '' && files.length > 0) this.#take([...files]);
    else if (text.length >= PASTED_LENGTH_MIN) this.#add({ name: this.#pastedName(), text: text.replaceAll('\r\n', '\n') });
    else return;
    event.preventDefault();
  }

  #pastedName() {
    const n = this.#files.filter((file) => file.name.startsWith('Pasted text')).length;
    return n === 0 ? 'Pasted text' : `Pasted text ${n + 1}`;
  }

  #receiveDrops(area) {
    const isFiles = (event) => event.dataTransfer?.types.includes('Files');
    area.addEventListener('dragover', (event) => {
      if (!isFiles(event)) return;
      event.preventDefault();
      area.classList.add('dropping');
    });
    area.addEventListener('dragleave', (event) => !area.contains(event.relatedTarget) && area.classList.remove('dropping'));
    area.addEventListener('drop', (event) => {
      area.classList.remove('dropping');
      if (!isFiles(event)) return;
      event.preventDefault();
      this.#take([...event.dataTransfer.files]);
    });
  }

  #show() {
    const model = this.model();
    const chips = this.#files.map((file) => {
      const size = element('small', {}, inBytes(new Blob([file.text]).size));
      this.#count(file, model).then((n) => n !== null && (size.textContent = tokens(n)));
      const remove = iconButton('close', `Remove ${file.name}`, () => {
        this.replace(this.#files.filter((other) => other !== file));
        byId('field').focus();
      });
      return element('li', {}, element('span', { dir: 'auto' }, file.name), size, remove);
    });
    byId('attachments').replaceChildren(...chips);
    this.#warn(model);
  }

  /** The tokens that a file will be in the message; null where the server does not tell. */
  #count(file, model) {
    const known = this.#counts.get(file);
    if (known?.model === model) return known.n;
    const n = countTokens(model, withAttachments({ content: '', attachments: [file] })).catch(() => null);
    this.#counts.set(file, { model, n });
    return n;
  }

  /** Says so where the files alone are more than the model reads. */
  async #warn(model) {
    const warning = byId('attachments-warning');
    const files = this.#files;
    warning.textContent = '';
    if (files.length === 0) return;
    const [facts, ...counts] = await Promise.all([factsOf(model).catch(() => null), ...files.map((file) => this.#count(file, model))]);
    const n = counts.reduce((sum, count) => sum + (count ?? 0), 0);
    if (files !== this.#files || !facts?.contextLen || n < facts.contextLen) return;
    warning.textContent = `${tokens(n)}: more than the ${facts.contextLen.toLocaleString('en')} that this model reads.`;
  }
}

/** The files of a message that was sent; each opens to its text. */
export function attachmentList(message) {
  return (message.attachments ?? []).map(({ name, text }) =>
    element('details', { class: 'attached' }, element('summary', {}, element('span', { dir: 'auto' }, name)), element('pre', { tabindex: '0', dir: 'auto', 'aria-label': name }, text)));
}
