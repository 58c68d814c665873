// What an empty conversation offers: what the model is, and three beginnings.

import { byId, element } from './dom.js';
import { factsInWords, factsOf } from './models.js';

const QUESTIONS = [
  ['Explain', 'Why is the sky blue? Explain it in three sentences.'],
  ['Write', 'Write a short story about a lighthouse keeper who finds a map.'],
  ['Plan', 'Give me a simple plan for learning to bake bread, in five steps.'],
];

const BEGINNINGS = [
  ['A story', 'Once upon a time, a little girl found a key in the garden.'],
  ['A letter', 'Dear grandmother, yesterday something strange happened:'],
  ['A list', 'Three things that everybody should see once in their life:\n\n1.'],
];

export class Welcome {
  #id = null;

  /** `send(text)` sends an example. */
  constructor({ send }) {
    this.send = send;
  }

  /** Shows this model; of one whose facts do not come, only its name. */
  async show(id) {
    this.#id = id;
    byId('welcome-model').textContent = id;
    const facts = await factsOf(id).catch(() => null);
    if (this.#id !== id || !facts) return;
    byId('welcome-title').textContent = facts.isChat ? 'Ask anything.' : 'Begin a text.';
    const about = factsInWords(facts).map(([label, value]) => element('div', {}, element('dt', {}, label), element('dd', {}, value)));
    byId('welcome-facts').replaceChildren(...about);
    byId('welcome-how').textContent = facts.isChat ? '' : 'This model has no chat template: it completes text, so what you write is how the text begins.';
    const examples = (facts.isChat ? QUESTIONS : BEGINNINGS).map(([title, text]) =>
      element('li', {}, element('button', { type: 'button', click: () => this.send(text) }, element('strong', {}, title), element('span', {}, text))));
    byId('examples').replaceChildren(...examples);
  }
}
