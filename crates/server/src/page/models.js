// What is known of the server's models: what their files say, what is in memory, what holds where a request says nothing.

import { request } from './client.js';

async function json(path, body, signal) {
  const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal };
  return (await request(path, body === undefined ? {} : post)).json();
}

const factsById = new Map();

/** What the file of a model says; no model is loaded for it where its head can be read alone. */
export function factsOf(id) {
  if (!factsById.has(id)) {
    const facts = readFacts(id);
    factsById.set(id, facts);
    facts.catch(() => factsById.delete(id));
  }
  return factsById.get(id);
}

/** Does the model chat, as far as is known? Else it goes on with a text. */
export const chats = (id) => factsOf(id).then((facts) => facts.isChat, () => true);

async function readFacts(id) {
  const [shown, tags] = await Promise.all([json('api/show', { model: id }), json('api/tags')]);
  const architecture = shown.model_info['general.architecture'];
  return {
    id,
    parameters: shown.details.parameter_size,
    quantisation: shown.details.quantization_level,
    contextLen: shown.model_info[`${architecture}.context_length`],
    bytes: tags.models.find((model) => model.name === id)?.size,
    // Tools are offered through the chat template, so a model that takes them has one.
    isChat: shown.capabilities.includes('tools'),
  };
}

/** The models in memory by name: bytes, and when they go, if they do. */
export async function loadedModels() {
  const { models } = await json('api/ps');
  return new Map(models.map((model) => [model.name, { bytes: model.size, expires: Date.parse(model.expires_at) }]));
}

const heldById = new Map();

/** The numbers that hold in this page where the user sets none, and the context; they load a model that is not in memory. */
export function heldOf(id) {
  if (!heldById.has(id)) {
    const held = json(`props?model=${encodeURIComponent(id)}`).then(({ default_generation_settings: { params, n_ctx } }) => ({ ...params, n_ctx }));
    heldById.set(id, held);
    held.catch(() => heldById.delete(id));
  }
  return heldById.get(id);
}

/** The same to look at, which is no reason to load a model: null of one that is not in memory. */
export async function shownOf(id) {
  return heldById.has(id) || (await loadedModels()).has(id) ? heldOf(id) : null;
}

/** What a request says for the user: by itself OpenAI's API has other defaults than those that are shown, and lets a reply go round in circles. */
const SAID = ['temperature', 'top_p', 'top_k', 'min_p', 'repeat_penalty', 'repeat_last_n'];

export async function fieldsHeldOf(id) {
  const held = await heldOf(id).catch(() => ({}));
  return { repetition_detection: true, ...Object.fromEntries(SAID.filter((name) => Number.isFinite(held[name])).map((name) => [name, held[name]])) };
}

export const load = (id) => json('api/generate', { model: id, stream: false });
export const unload = (id) => json('api/generate', { model: id, keep_alive: 0, stream: false });

/** Names that this server would download for us; null where it downloads none. */
export async function pullable() {
  return (await json('server_info')).pullable ?? null;
}

/** Downloads a model; `onProgress({ status, completed, total })` after each line of the server's. */
export async function pull(name, { signal, onProgress }) {
  const response = await request('api/pull', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ model: name }), signal });
  for await (const line of jsonLines(response.body)) {
    if (line.error) throw new Error(line.error);
    onProgress(line);
    if (line.status === 'success') return;
  }
  throw new Error('The connection ended before the model was complete.');
}

async function* jsonLines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split('\n');
    rest = lines.pop();
    yield* lines.filter((line) => line.trim()).map((line) => JSON.parse(line));
  }
}

/** The tokens of a text, as the model counts it. */
export async function countTokens(model, text, signal) {
  return (await json('tokenize', { model, content: text, parse_special: false }, signal)).tokens.length;
}

/** 105 MB */
export function inBytes(n) {
  if (n < 1000) return `${n} B`;
  const power = Math.min(3, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${['', 'kB', 'MB', 'GB'][power]}`;
}

/** What a model is, as labelled values. */
export function factsInWords(facts) {
  return [
    ['Parameters', facts.parameters],
    ['Quantisation', facts.quantisation],
    ['Size', facts.bytes && inBytes(facts.bytes)],
    ['Context', facts.contextLen && `${facts.contextLen.toLocaleString('en')} tokens`],
  ].filter(([, value]) => value);
}
