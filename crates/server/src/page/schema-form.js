// A JSON Schema as a form, a row for each field; or as JSON, where it says more than the form can.

import { element, iconButton } from './dom.js';
import { fieldsOf, parseSchema, schemaOf, TYPES } from './schema.js';

const EMPTY = { name: '', type: 'text', choices: [], description: '', isRequired: true };

export class SchemaForm {
  #text = '';
  #fields = null;
  #isJson = false;

  /** `what` names a field for those who hear the page: "Field", "Parameter". `changed(text)` after each change, with the schema as JSON. */
  constructor({ what, changed }) {
    this.what = what;
    this.changed = changed;
    this.root = element('div', { class: 'schema' });
  }

  /** Shows this schema, given as JSON; empty text is an object without fields. */
  show(text) {
    this.#text = text;
    try {
      this.#fields = text.trim() === '' ? [] : fieldsOf(parseSchema(text));
    } catch {
      this.#fields = null;
    }
    this.#isJson = this.#fields === null;
    this.#draw();
  }

  #draw() {
    this.root.replaceChildren(...(this.#isJson ? this.#json() : this.#rows()));
  }

  #changeFields() {
    this.#text = JSON.stringify(schemaOf(this.#fields), null, 2);
    this.changed(this.#text);
  }

  #rows() {
    const rows = this.#fields.map((field, index) => this.#row(field, index));
    const add = element('button', { type: 'button', class: 'text-button', click: () => this.#add() }, `Add ${this.what.toLowerCase()}`);
    const toJson = element('button', { type: 'button', class: 'text-button quiet', click: () => this.#switch(true) }, 'As JSON');
    return [...rows, element('div', { class: 'row-buttons' }, add, toJson)];
  }

  #add() {
    this.#fields.push({ ...EMPTY });
    this.#changeFields();
    this.#draw();
    [...this.root.querySelectorAll('.schema-row')].at(-1).querySelector('input').focus();
  }

  #row(field, index) {
    const label = (part) => `${this.what} ${index + 1}: ${part}`;
    const input = (part, key, placeholder) => {
      const node = element('input', { 'aria-label': label(part), placeholder, spellcheck: 'false', autocomplete: 'off' });
      node.value = field[key];
      node.addEventListener('input', () => {
        field[key] = node.value;
        this.#changeFields();
      });
      return node;
    };
    const type = element('select', { 'aria-label': label('type') }, ...Object.entries(TYPES).map(([key, [name]]) => element('option', { value: key }, name)));
    type.value = field.type;
    const choices = element('input', { 'aria-label': label('choices'), placeholder: 'choices, with commas', hidden: field.type !== 'choice' });
    choices.value = field.choices.join(', ');
    choices.addEventListener('input', () => {
      field.choices = choices.value.split(',').map((word) => word.trim()).filter(Boolean);
      this.#changeFields();
    });
    type.addEventListener('change', () => {
      field.type = type.value;
      choices.hidden = field.type !== 'choice';
      this.#changeFields();
    });
    const required = element('input', { type: 'checkbox', checked: field.isRequired, 'aria-label': label('required') });
    required.addEventListener('change', () => {
      field.isRequired = required.checked;
      this.#changeFields();
    });
    const remove = iconButton('close', `Remove ${label(field.name || 'unnamed')}`, () => {
      this.#fields.splice(index, 1);
      this.#changeFields();
      this.#draw();
    });
    return element('div', { class: 'schema-row' },
      input('name', 'name', 'name'), type, remove, input('description', 'description', 'what it is'),
      element('label', { class: 'inline' }, required, 'required'), choices);
  }

  #json() {
    const field = element('textarea', { rows: '8', class: 'code-field', spellcheck: 'false', 'aria-label': `${this.what}s as JSON Schema` });
    field.value = this.#text;
    const wrong = element('small', { class: 'wrong', role: 'alert' });
    const back = element('button', { type: 'button', class: 'text-button quiet', click: () => this.#switch(false) }, 'As a form');
    const check = () => {
      let fields = null;
      wrong.textContent = '';
      try {
        fields = fieldsOf(parseSchema(field.value));
      } catch (error) {
        wrong.textContent = error.message;
      }
      back.disabled = fields === null;
      back.title = fields ? '' : 'The form knows only objects of simple fields';
    };
    field.addEventListener('input', () => {
      this.#text = field.value;
      this.changed(this.#text);
      check();
    });
    check();
    return [field, wrong, element('div', { class: 'row-buttons' }, back)];
  }

  #switch(isJson) {
    if (isJson) this.#text ||= JSON.stringify(schemaOf([]), null, 2);
    else this.#fields = fieldsOf(parseSchema(this.#text));
    this.#isJson = isJson;
    this.#draw();
    this.root.querySelector('textarea, button').focus();
  }
}
