// The page: which conversation is open, what is being written, what each key does.

import { Attachments } from './attachments.js';
import { ApiError, listModels } from './client.js';
import { exportText, IMPORT_BYTES_MAX, newConversation, openToolCall, parseImport, titleOf } from './conversation.js';
import { byId, element } from './dom.js';
import { Generations } from './generation.js';
import { MessagesView } from './messages.js';
import { factsOf } from './models.js';
import { ModelsPanel } from './models-panel.js';
import { apiKey, lastConversation, lastModel, noSingleKeys, theme } from './preferences.js';
import { Settings } from './settings.js';
import { Sidebar } from './sidebar.js';
import { openStore } from './store.js';
import { Welcome } from './welcome.js';

const field = byId('field');
const picker = byId('model');
const narrow = matchMedia('(max-width: 800px)');
const store = await openStore();
const settings = new Settings({ changed: (conversation) => conversation.messages.length > 0 && save(conversation), model: () => picker.value });
const attachments = new Attachments({ model: () => picker.value, say });
let summaries = await store.list();
let current = newConversation();
/** The message being edited, and what stood in the field before. */
let editing = null;
/** What to do again once there is a key. */
let afterKey = null;

const otherTabs = new BroadcastChannel('trinity');
const generations = new Generations({
  changed: (conversation, message) => conversation === current && view.changed(message),
  save,
  ended,
});
const welcome = new Welcome({
  send(text) {
    field.value = text;
    send();
    field.focus();
  },
});
new ModelsPanel({
  ids: () => [...picker.options].map((option) => option.value),
  current: () => picker.value,
  choose(id) {
    picker.value = id;
    picker.dispatchEvent(new Event('change'));
  },
  reload: loadModels,
});
const view = new MessagesView({ edit, regenerate, say, hasSeveralModels: () => picker.options.length > 1 });
const sidebar = new Sidebar({ open, rename, remove, refresh, summary: (id) => summaries.find((s) => s.id === id) });

// ---- conversations

function refresh() {
  sidebar.show(summaries, current.id, generations.ids);
  const run = generations.of(current.id);
  const call = !run && openToolCall(current);
  byId('send').hidden = Boolean(run);
  byId('stop').hidden = !run;
  field.placeholder = call ? `Result of ${call.function.name}` : 'Message';
  document.title = current.title ? `${current.title} – Trinity` : 'Trinity';
}

function list(conversation) {
  const { messages, ...summary } = conversation;
  summaries = [...summaries.filter((s) => s.id !== summary.id), summary];
}

async function save(conversation) {
  try {
    await store.save(conversation);
    otherTabs.postMessage(conversation.id);
  } catch (error) {
    say(`The browser did not keep this conversation: ${error.message}`);
  }
}

function show(conversation) {
  cancelEdit();
  current = conversation;
  settings.showConversation(conversation);
  attachments.switchTo(conversation);
  lastConversation.set(conversation.messages.length > 0 ? conversation.id : null);
  if ([...picker.options].some((option) => option.value === conversation.model)) picker.value = conversation.model;
  if (picker.value) welcome.show(picker.value);
  view.show(conversation, generations.of(conversation.id)?.message);
  refresh();
}

async function open(id) {
  const conversation = generations.of(id)?.conversation ?? (await store.load(id));
  if (narrow.matches) showSidebar(false);
  if (conversation) show(conversation);
}

function startNew() {
  if (narrow.matches) showSidebar(false);
  show(newConversation());
  field.focus();
}

async function rename(id, title) {
  const conversation = generations.of(id)?.conversation ?? (id === current.id ? current : await store.load(id));
  if (!conversation) return;
  conversation.title = title;
  list(conversation);
  refresh();
  await save(conversation);
}

async function remove(id) {
  generations.stop(id);
  const conversation = id === current.id ? current : await store.load(id);
  // A reply that ends by this must not bring it back; and what the list no longer shows is really gone.
  summaries = summaries.filter((s) => s.id !== id);
  await store.remove(id);
  otherTabs.postMessage(id);
  if (id === current.id) show(newConversation());
  else refresh();
  if (conversation) say('Conversation deleted', 'Undo', () => restore(conversation));
}

async function restore(conversation) {
  list(conversation);
  await save(conversation);
  show(conversation);
}

otherTabs.addEventListener('message', async ({ data: id }) => {
  summaries = await store.list();
  if (id === current.id && !generations.of(id) && !editing) {
    const conversation = await store.load(id);
    if (conversation) return show(conversation);
  }
  return refresh();
});

// ---- sending

function send() {
  const text = field.value.trim();
  if (!(text || attachments.files.length > 0) || generations.of(current.id)) return;
  // The server was not there before; perhaps it is now.
  if (picker.options.length === 0) {
    loadModels();
    return;
  }
  const call = editing ? null : openToolCall(current);
  if (editing) {
    current.messages.splice(current.messages.indexOf(editing.message));
    editing = null;
    byId('editing').hidden = true;
    view.show(current);
  }
  const message = call ? { role: 'tool', tool_call_id: call.id, tool_name: call.function.name, content: text } : { role: 'user', content: text };
  if (!call && attachments.files.length > 0) message.attachments = attachments.files;
  current.messages.push(message);
  current.title ||= titleOf(text || message.attachments[0].name);
  view.add(message, false);
  field.value = '';
  if (!call) attachments.replace([]);
  fit();
  if (call && openToolCall(current)) {
    keep(current);
    refresh();
  } else reply();
}

function keep(conversation) {
  conversation.updated = Date.now();
  list(conversation);
  if (conversation === current) lastConversation.set(conversation.id);
  return save(conversation);
}

function reply() {
  let fields;
  try {
    fields = settings.requestFields();
  } catch (error) {
    keep(current);
    refresh();
    settings.open();
    say(error.message);
    return;
  }
  current.model = picker.value;
  current.system = settings.systemOf(current);
  const isChat = factsOf(picker.value).then((facts) => facts.isChat, () => true);
  const message = generations.start(current, { model: picker.value, system: current.system, fields, isChat });
  view.add(message, true);
  keep(current);
  refresh();
  say('Replying');
}

/** Replies again to what stands before `message`; if none is named, to the last thing said. */
function regenerate(message) {
  if (generations.of(current.id)) return;
  const { messages } = current;
  messages.splice(message ? messages.indexOf(message) : messages.findLastIndex((m) => m.role !== 'assistant') + 1);
  if (messages.length === 0) return;
  view.show(current);
  reply();
  field.focus();
}

async function ended(conversation, message, error) {
  const isEmpty = !message.content && !message.reasoning && !message.tool_calls;
  // A stop before the first token leaves nothing to look at, nor does a request without a key.
  if (isEmpty && (message.is_stopped || error?.status === 401)) conversation.messages.splice(conversation.messages.indexOf(message), 1);
  if (conversation === current) {
    if (conversation.messages.includes(message)) view.finished(message);
    else view.show(conversation);
  }
  const isListed = summaries.some((s) => s.id === conversation.id);
  if (isListed) await keep(conversation);
  refresh();
  if (error?.status === 401) askForKey(error, () => conversation === current && reply());
  else say(message.is_stopped ? 'Stopped' : error ? '' : 'Reply complete');
}

function edit(message) {
  if (generations.of(current.id)) return;
  editing = { message, draft: field.value, files: attachments.files };
  byId('editing').hidden = false;
  field.value = message.content;
  attachments.replace(message.attachments ?? []);
  fit();
  field.focus();
}

function cancelEdit() {
  if (!editing) return;
  field.value = editing.draft;
  attachments.replace(editing.files);
  fit();
  editing = null;
  byId('editing').hidden = true;
}

// ---- models and keys

async function loadModels() {
  const notice = byId('notice');
  notice.hidden = true;
  try {
    const models = await listModels();
    const wanted = [current.model, picker.value, lastModel.get()].find((id) => models.includes(id));
    picker.replaceChildren(...models.map((id) => element('option', { value: id }, id)));
    if (wanted) picker.value = wanted;
    picker.disabled = models.length === 0;
    if (models.length > 0) welcome.show(picker.value);
    // Where there are several, replies say which made them.
    if (models.length > 1 && !generations.of(current.id)) view.show(current);
    if (models.length === 0) throw new Error('The server has no model.');
  } catch (error) {
    if (error.status === 401) return askForKey(error, loadModels);
    byId('notice-text').textContent = [error.message, ...(error.details ?? [])].join(' · ');
    notice.hidden = false;
  }
}

function askForKey(error, then) {
  afterKey = then;
  byId('key-reason').textContent = apiKey.get() ? error.message : 'This server asks for an API key. It is kept until this tab is closed.';
  byId('key-field').value = '';
  if (!byId('key').open) byId('key').showModal();
}

byId('key-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const value = byId('key-field').value.trim();
  if (!value) return;
  apiKey.set(value);
  byId('key').close();
  const again = afterKey;
  afterKey = null;
  if (picker.options.length === 0 && again !== loadModels) loadModels().then(again);
  else again?.();
  field.focus();
});

picker.addEventListener('change', () => {
  lastModel.set(picker.value);
  welcome.show(picker.value);
});

// ---- files

byId('export').addEventListener('click', async () => {
  const conversations = (await Promise.all(summaries.map((s) => store.load(s.id)))).filter(Boolean);
  const address = URL.createObjectURL(new Blob([exportText(conversations)], { type: 'application/json' }));
  element('a', { href: address, download: `trinity-conversations-${new Date().toISOString().slice(0, 10)}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  say(`${conversations.length} conversation${conversations.length === 1 ? '' : 's'} exported`);
});

byId('import').addEventListener('click', () => byId('import-file').click());
byId('import-file').addEventListener('change', async (event) => {
  const [file] = event.target.files;
  event.target.value = '';
  if (!file) return;
  try {
    if (file.size > IMPORT_BYTES_MAX) throw new Error(`${file.size} bytes, the limit is ${IMPORT_BYTES_MAX}`);
    const conversations = parseImport(await file.text());
    for (const conversation of conversations) {
      await store.save(conversation);
      list(conversation);
    }
    otherTabs.postMessage(null);
    const shown = conversations.find((c) => c.id === current.id);
    if (shown && !generations.of(shown.id)) show(shown);
    refresh();
    say(`${conversations.length} conversation${conversations.length === 1 ? '' : 's'} imported`);
  } catch (error) {
    say(`${file.name}: ${error.message}`);
  }
});

// ---- appearance

/** A line at the bottom, which screen readers speak; with a button it stays longer. */
let quiet = 0;
function say(text, label, act) {
  const toast = byId('toast');
  clearTimeout(quiet);
  toast.replaceChildren(element('span', {}, text));
  // Progress is for the ears only: the eyes have the message itself.
  toast.classList.toggle('visually-hidden', ['', 'Replying', 'Reply complete', 'Stopped'].includes(text));
  if (label) toast.append(element('button', { type: 'button', class: 'text-button', click: () => (toast.replaceChildren(), act()) }, label));
  quiet = setTimeout(() => toast.replaceChildren(), label ? 10_000 : 5000);
}

function showSidebar(isOpen) {
  document.body.dataset.sidebar = isOpen ? 'open' : 'closed';
  byId('sidebar').inert = !isOpen;
  byId('menu').setAttribute('aria-expanded', String(isOpen));
  // On a phone the list lies over the conversation.
  byId('main').inert = isOpen && narrow.matches;
  byId('scrim').hidden = !(isOpen && narrow.matches);
}

const THEMES = ['system', 'light', 'dark'];
function showTheme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  byId('theme').setAttribute('aria-label', `Theme: ${name}`);
  byId('theme').title = `Theme: ${name}`;
}

byId('theme').addEventListener('click', () => {
  const next = THEMES[(THEMES.indexOf(theme.get() ?? 'system') + 1) % THEMES.length];
  theme.set(next === 'system' ? null : next);
  showTheme(next);
  say(`Theme: ${next}`);
});

// ---- keys

const isTyping = (target) => target.matches?.('input, textarea, select, [contenteditable]');

document.addEventListener('keydown', (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector('dialog[open]')) return;
  const isCommand = event.ctrlKey || event.metaKey;
  const isSingle = !isCommand && !event.altKey && !isTyping(event.target) && noSingleKeys.get() === null;
  const act =
    (isCommand && !event.shiftKey && event.key.toLowerCase() === 'k' && (() => field.focus())) ||
    (isCommand && event.key === ',' && (() => settings.open())) ||
    (event.altKey && !isCommand && event.code === 'KeyN' && startNew) ||
    (event.altKey && !isCommand && event.code === 'KeyR' && (() => regenerate())) ||
    (event.altKey && !isCommand && event.code === 'KeyB' && (() => showSidebar(document.body.dataset.sidebar !== 'open'))) ||
    (isSingle && event.key === '/' && (() => field.focus())) ||
    (isSingle && event.key === '?' && (() => byId('help').showModal())) ||
    (event.key === 'Escape' && escape);
  if (!act) return;
  event.preventDefault();
  act();
});

function escape() {
  if (editing) cancelEdit();
  else if (narrow.matches && document.body.dataset.sidebar === 'open') {
    showSidebar(false);
    byId('menu').focus();
  } else generations.stop(current.id);
}

field.addEventListener('keydown', (event) => {
  if (event.isComposing) return;
  if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
    event.preventDefault();
    send();
  } else if (event.key === 'ArrowUp' && field.value === '') {
    const last = current.messages.findLast((message) => message.role === 'user');
    if (last) {
      event.preventDefault();
      edit(last);
    }
  }
});

// Browsers that cannot size a field by its content yet.
function fit() {
  if (CSS.supports('field-sizing', 'content')) return;
  field.style.height = 'auto';
  field.style.height = `${field.scrollHeight}px`;
}
field.addEventListener('input', fit);

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  send();
});
byId('stop').addEventListener('click', () => {
  generations.stop(current.id);
  field.focus();
});
byId('cancel-edit').addEventListener('click', () => {
  cancelEdit();
  field.focus();
});
byId('new').addEventListener('click', startNew);
byId('menu').addEventListener('click', () => showSidebar(document.body.dataset.sidebar !== 'open'));
byId('scrim').addEventListener('click', () => showSidebar(false));
byId('open-settings').addEventListener('click', () => settings.open());
byId('open-help').addEventListener('click', () => byId('help').showModal());
byId('retry-models').addEventListener('click', loadModels);
byId('single-keys').checked = noSingleKeys.get() === null;
byId('single-keys').addEventListener('change', (event) => noSingleKeys.set(event.target.checked ? null : 'off'));
for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => button.closest('dialog').close());
for (const dialog of document.querySelectorAll('dialog')) {
  // A click beside the panel closes it.
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  dialog.addEventListener('close', () => field.focus());
}
narrow.addEventListener('change', () => showSidebar(!narrow.matches));

// ---- start

showTheme(theme.get() ?? 'system');
showSidebar(!narrow.matches);
const reopened = lastConversation.get() && (await store.load(lastConversation.get()));
show(reopened ?? current);
if (!store.isLasting) say('This browser keeps nothing: conversations are gone when the page is closed.');
await loadModels();
if (!narrow.matches && !document.querySelector('dialog[open]')) field.focus();
document.body.dataset.ready = 'true';
