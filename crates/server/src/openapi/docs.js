// Shows /openapi.json: a section for each API, in it each route with the fields of its request and of its answer.

import { byId, element } from './dom.js';
import { tryForm, useModel } from './docs-try.js';
import { apiKey } from './preferences.js';

const nameOf = (reference) => reference.split('/').pop();

/** What a schema takes, in a few words. */
function words(schema) {
  if (schema.$ref) return [element('a', { href: `#schema-${nameOf(schema.$ref)}` }, nameOf(schema.$ref))];
  const forms = schema.anyOf ?? schema.oneOf;
  if (forms) return forms.flatMap((form, i) => (i ? [' or ', ...words(form)] : words(form)));
  if (schema.enum) return [schema.enum.map((value) => JSON.stringify(value)).join(', ')];
  if ('const' in schema) return [JSON.stringify(schema.const)];
  const types = [schema.type ?? 'any'].flat().join(' or ');
  return schema.items ? [`${types} of `, ...words(schema.items)] : [types];
}

const LIMITS = {
  minimum: (n) => `at least ${n}`,
  exclusiveMaximum: (n) => `below ${n}`,
  maximum: (n) => `at most ${n}`,
  minItems: (n) => `at least ${n} items`,
  maxItems: (n) => `at most ${n} items`,
  minLength: (n) => `at least ${n} long`,
  maxLength: (n) => `at most ${n} long`,
  maxProperties: (n) => `at most ${n} entries`,
  pattern: (text) => `matches ${text}`,
  default: (value) => `${JSON.stringify(value)} if absent`,
};

function notes(schema) {
  const limits = Object.entries(LIMITS).filter(([name]) => name in schema).map(([name, word]) => word(schema[name]));
  return [schema.description, ...limits].filter(Boolean).join('; ');
}

function table(caption, schema) {
  const fields = Object.entries(schema.properties ?? {});
  if (!fields.length) return element('p', {}, element('span', { class: 'quiet' }, `${caption} `), ...words(schema));
  const row = ([name, field]) => element('tr', {},
    element('th', { scope: 'row' }, element('code', {}, name), schema.required?.includes(name) ? ' (required)' : ''),
    element('td', {}, ...words(field)),
    element('td', {}, notes(field)));
  return element('table', {}, element('caption', {}, caption), element('tbody', {}, ...fields.map(row)));
}

/** What a body may be: media types, and the schema of those that have one. */
function bodies(content) {
  return Object.entries(content).flatMap(([media, { schema }], i) => [i ? ', or ' : '', element('code', {}, media), ' ', ...(schema?.$ref ? words(schema) : [])]);
}

function route(path, method, operation, schemas) {
  const asked = operation.requestBody?.content;
  const body = asked?.['application/json']?.schema;
  const answer = operation.responses['200']?.content;
  const labelled = (label, ...rest) => element('p', {}, element('span', { class: 'quiet' }, `${label} `), ...rest);
  return element('section', { id: operation.operationId },
    element('h3', {}, element('span', { class: 'method' }, method.toUpperCase()), ` ${path}`),
    element('p', {}, operation.summary),
    !operation.parameters ? null : table('Parameters', { properties: Object.fromEntries(operation.parameters.map((p) => [p.name, p.schema])) }),
    !asked ? null : labelled('Request', ...(body ? words(body) : bodies(asked))),
    !answer ? null : labelled('Answer', ...bodies(answer)),
    operation.security?.length !== 0 ? null : element('p', { class: 'quiet' }, 'Needs no key'),
    tryForm(path, method, operation, body && schemas[nameOf(body.$ref)]));
}

function show(document) {
  const sections = [element('h1', {}, `${document.info.title} ${document.info.version}`), element('p', {}, document.info.description)];
  const contents = [];
  for (const tag of document.tags) {
    sections.push(element('h2', {}, tag.name), element('p', { class: 'quiet' }, tag.description));
    contents.push(element('li', { class: 'group' }, tag.name));
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!operation.tags.includes(tag.name)) continue;
        sections.push(route(path, method, operation, document.components.schemas));
        contents.push(element('li', {}, element('a', { href: `#${operation.operationId}` }, path)));
      }
    }
  }
  sections.push(element('h2', {}, 'Schemas'));
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    sections.push(element('section', { id: `schema-${name}` }, element('h3', {}, name), schema.description ? element('p', {}, schema.description) : null, table('', schema)));
  }
  byId('routes').replaceChildren(...sections);
  byId('contents').replaceChildren(...contents);
  // What the address names was not there when the browser looked.
  if (location.hash) byId(location.hash.slice(1))?.scrollIntoView();
}

byId('docs-key').value = apiKey.get() ?? '';
byId('docs-key').addEventListener('input', (event) => {
  apiKey.set(event.target.value.trim() || null);
  findModel();
});

/** The first model that chats, as far as the list tells; without one the examples keep theirs. */
async function findModel() {
  const headers = apiKey.get() ? { Authorization: `Bearer ${apiKey.get()}` } : {};
  const answer = await fetch('/api/tags', { headers }).catch(() => null);
  if (answer?.ok) useModel((await answer.json()).models[0]?.name ?? null);
}

try {
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  show(await answer.json());
  await findModel();
} catch (error) {
  byId('state').textContent = `The description could not be loaded: ${error.message}`;
}
// Whoever waits for the page can see that it is complete.
document.body.dataset.ready = 'true';
