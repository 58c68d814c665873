// Trying a route of the description: a form that is filled in, the answer as it comes, and the same as a command.

import { copyText, element, iconButton } from './dom.js';
import { apiKey } from './preferences.js';

/** Ids that examples and empty fields of a path take: of the first model that the server has, of the last answer that it keeps. */
const known = { models: null, responses: null };

export function useModel(id) {
  known.models = id;
}

/** The form of a route, or null where there is nothing to try; `schema` is that of its request. */
export function tryForm(path, method, operation, schema) {
  const example = exampleOf(schema);
  if (method !== 'get' && method !== 'delete' && !example) return null;
  const parameters = (operation.parameters ?? []).map((parameter) => [parameter, field(parameter, operation.operationId)]);
  const body = example && element('textarea', { rows: '8', spellcheck: 'false', class: 'code-field', 'aria-label': `Body of ${path}` });
  if (body) body.value = JSON.stringify(example, null, 2);
  const [state, answer] = [element('p', { class: 'state', role: 'status' }), element('pre', { class: 'answer', tabindex: '0', 'aria-label': `Answer of ${path}`, hidden: true })];
  const send = element('button', { type: 'submit', class: 'solid' }, 'Send');
  const stop = element('button', { type: 'button', class: 'text-button', hidden: true, click: () => run?.abort() }, 'Stop');
  const request = () => ({ url: address(path, parameters), method: method.toUpperCase(), body: body?.value });
  const copy = iconButton('copy', 'Copy as a command', async () => {
    state.textContent = await copyText(command(request())).then(() => 'Copied', (error) => error.message);
  });
  let run = null;
  const form = element('form', { class: 'try' }, ...parameters.map(([, node]) => node), body, element('div', { class: 'row-buttons' }, send, stop, copy), state, answer);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (run) return;
    run = new AbortController();
    send.disabled = true;
    stop.hidden = false;
    await show(request(), run.signal, state, answer).catch((error) => (state.textContent = error.name === 'AbortError' ? `${state.textContent}, stopped` : error.message));
    run = null;
    send.disabled = false;
    stop.hidden = true;
  });
  const details = element('details', { class: 'trying' }, element('summary', {}, 'Try it'), form);
  details.addEventListener('toggle', () => {
    if (body) fillModel(body, schema);
    const id = known[path.split('/')[2]];
    const [first] = parameters;
    if (id && first?.[0].in === 'path') first[1].querySelector('input').value = id;
  });
  return details;
}

function exampleOf(schema) {
  return schema?.examples?.[0] ?? null;
}

/** An example that names a model, or may, asks one that is here; what is pulled is not here yet. */
function fillModel(body, schema) {
  const example = JSON.stringify(exampleOf(schema), null, 2);
  if (!known.models || body.value !== example || !schema.properties?.model || schema.properties.insecure) return;
  body.value = JSON.stringify({ model: '', ...exampleOf(schema), model: known.models }, null, 2);
}

function field({ name, required, schema }, id) {
  const input = element('input', { id: `${id}-${name}`, required: Boolean(required), autocomplete: 'off', spellcheck: 'false', placeholder: schema.enum?.join(', ') ?? (required ? '' : 'optional') });
  return element('div', { class: 'row-buttons' }, element('label', { for: input.id }, element('code', {}, name)), input);
}

function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [{ name, in: place }, node] of parameters) {
    const { value } = node.querySelector('input');
    if (place === 'path') path = path.replace(`{${name}}`, encodeURIComponent(value));
    else if (value !== '') query.set(name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

/** Shows the answer as it comes: events of a stream piece by piece, JSON in lines. */
async function show({ url, method, body }, signal, state, answer) {
  answer.hidden = true;
  answer.textContent = '';
  state.textContent = 'Waiting…';
  const headers = { ...(body !== undefined && { 'Content-Type': 'application/json' }), ...(apiKey.get() && { Authorization: `Bearer ${apiKey.get()}` }) };
  const started = performance.now();
  const response = await fetch(url, { method, headers, body, signal, credentials: 'same-origin' });
  const media = response.headers.get('Content-Type') ?? '';
  state.textContent = `${response.status} ${response.statusText}`.trim();
  answer.hidden = false;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let n = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    n += 1;
    answer.append(value);
    answer.scrollTop = answer.scrollHeight;
  }
  if (media.startsWith('application/json')) answer.textContent = indented(answer.textContent);
  answer.scrollTop = 0;
  known.responses = answer.textContent.match(/"id": ?"(resp_[^"]+)"/)?.[1] ?? known.responses;
  state.textContent += ` · ${media.split(';')[0]} · ${Math.round(performance.now() - started)} ms${n > 1 ? ` · ${n} pieces` : ''}`;
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** The same for a terminal. */
export function command({ url, method, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [`curl ${quoted(new URL(url, location.origin).href)}`];
  if (method !== 'GET' && method !== 'POST') parts.push(`-X ${method}`);
  if (apiKey.get()) parts.push('-H "Authorization: Bearer $TRINITY_API_KEY"');
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(body)}`);
  return parts.join(' \\\n  ');
}
