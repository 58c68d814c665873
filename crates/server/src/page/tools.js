// Tools as a form: what the model may call. Who calls is the model; the result is typed by the user.

import { byId, element, iconButton } from './dom.js';
import { parseSchema, schemaOf } from './schema.js';
import { SchemaForm } from './schema-form.js';

const NAME = /^[a-zA-Z0-9_-]{1,64}$/;
const EMPTY = { name: '', description: '', parameters: '' };

/** The tools as a request has them; the error names the one that cannot be sent. */
export function toolsForRequest(tools) {
  return tools.map(({ name, description, parameters }, index) => {
    const which = `Tool ${index + 1}${name ? ` (${name})` : ''}`;
    if (!NAME.test(name)) throw new Error(`${which}: the name must be 1 to 64 letters, digits, _ or -, not ${JSON.stringify(name)}`);
    if (tools.findIndex((tool) => tool.name === name) !== index) throw new Error(`${which}: the name is taken already`);
    let schema;
    try {
      schema = parameters.trim() === '' ? schemaOf([]) : parseSchema(parameters);
    } catch (error) {
      throw new Error(`${which}: the parameters are ${error.message}`);
    }
    return { type: 'function', function: { name, ...(description && { description }), parameters: schema } };
  });
}

export class ToolsForm {
  #tools = [];

  /** `changed(tools)` after each change. */
  constructor({ changed }) {
    this.changed = changed;
    this.list = byId('tools');
    byId('add-tool').addEventListener('click', () => {
      this.#tools.push({ ...EMPTY });
      this.#draw();
      this.list.lastElementChild.querySelector('input').focus();
      this.changed(this.#tools);
    });
  }

  show(tools) {
    this.#tools = tools.map((tool) => ({ ...EMPTY, ...tool }));
    this.#draw();
  }

  #draw() {
    this.list.replaceChildren(...this.#tools.map((tool, index) => this.#tool(tool, index)));
  }

  #tool(tool, index) {
    const input = (key, label, placeholder) => {
      const node = element('input', { 'aria-label': `Tool ${index + 1}: ${label}`, placeholder, spellcheck: 'false', autocomplete: 'off', class: key === 'name' ? 'code-field' : null });
      node.value = tool[key];
      node.addEventListener('input', () => {
        tool[key] = node.value;
        this.changed(this.#tools);
      });
      return node;
    };
    const parameters = new SchemaForm({
      what: 'Parameter',
      changed: (text) => {
        tool.parameters = text;
        this.changed(this.#tools);
      },
    });
    parameters.show(tool.parameters);
    const remove = iconButton('delete', `Remove tool ${index + 1}`, () => {
      this.#tools.splice(index, 1);
      this.#draw();
      this.changed(this.#tools);
      byId('add-tool').focus();
    });
    return element('fieldset', { class: 'tool' }, element('legend', { class: 'visually-hidden' }, `Tool ${index + 1}`),
      element('div', { class: 'tool-head' }, input('name', 'name', 'get_weather'), remove), input('description', 'description', 'What it does, for the model'), parameters.root);
  }
}
