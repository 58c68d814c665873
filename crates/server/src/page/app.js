// The page: which conversation is open, what is sent, and what becomes of the reply.

import { idInAddress, setAddress } from './address.js';
import { isSidebarShown, narrow, showSidebar, start, toggleSidebar } from './appearance.js';
import { Attachments } from './attachments.js';
import { Composer } from './composer.js';
import { ContextMeter, startThatFits } from './context.js';
import { newConversation, openToolCall, titleOf } from './conversation.js';
import { byId } from './dom.js';
import { keepDraft } from './drafts.js';
import { bindFiles, saveMarkdown } from './export.js';
import { Generations } from './generation.js';
import { Keeper } from './keeper.js';
import { bindKeys } from './keys.js';
import { MessagesView } from './messages.js';
import { chats, fieldsHeldOf } from './models.js';
import { ModelsPanel } from './models-panel.js';
import { Picker } from './picker.js';
import { lastConversation } from './preferences.js';
import { Settings } from './settings.js';
import { Sidebar } from './sidebar.js';
import { openStore } from './store.js';
import { say } from './toast.js';
import { absorb, append, choose, detach, isVoid, path } from './tree.js';
import { Welcome } from './welcome.js';

const store = await openStore();
const keeper = new Keeper(store);
await keeper.load();
let current = newConversation();

const generations = new Generations({
  changed: (run) => run.conversation === current && view.changed(),
  began: (run) => {
    keeper.save(run.conversation, { fields: ['leaf'], messages: [run.message], removed: run.removed });
    if (run.conversation === current) view.show(current, run);
  },
  save: (run) => keeper.save(run.conversation, { fields: ['leaf'], messages: [run.message] }),
  ended,
});
const picker = new Picker({ wanted: () => current.model, loaded: modelsLoaded, chosen: modelChosen });
const settings = new Settings({ changed: (conversation) => isNew(conversation) || keeper.save(conversation, { fields: ['system'] }), model: () => picker.model });
const attachments = new Attachments({ model: () => picker.model, say });
const meter = new ContextMeter({ picker, system: () => settings.systemOf(current), goOn: () => goOn() });
const composer = new Composer({ send: () => send(), stop: () => generations.stop(current.id), editLast, typed: (text) => meter.typed(text) }, attachments);
const view = new MessagesView({
  edit,
  regenerate,
  proceed,
  goOn,
  seeAll,
  choose: chooseBranch,
  say,
  hasSeveralModels: () => picker.hasSeveral,
  isFull: (message) => meter.isFull(message),
});
const welcome = new Welcome({
  send(text) {
    send(text);
    composer.focus();
  },
});
new ModelsPanel({ ids: () => picker.ids, current: () => picker.model, choose: (id) => picker.use(id), reload: () => picker.load() });
const sidebar = new Sidebar({ again: () => narrow.matches && showSidebar(false), refresh, rename, pin, save: saveOne, remove, leave: () => composer.focus() }, store);

// ---- conversations

/** Was nothing said yet? */
function isNew(conversation) {
  return conversation.messages.length === 0;
}

function refresh() {
  sidebar.show(keeper.summaries, current.id, generations.ids);
  const run = generations.of(current.id);
  const call = !run && openToolCall(current);
  byId('send').hidden = Boolean(run);
  byId('stop').hidden = !run;
  byId('field').placeholder = call ? `Result of ${call.function.name}` : 'Message';
  document.title = current.title ? `${current.title} – Trinity` : 'Trinity';
  if (!run) meter.show(current);
}

function show(conversation, isSamePlace = false) {
  current = conversation;
  const id = isNew(conversation) ? null : conversation.id;
  setAddress(id, isSamePlace);
  lastConversation.set(id);
  picker.choose(conversation.model);
  settings.showConversation(conversation);
  composer.show(conversation);
  if (picker.model) welcome.show(picker.model);
  view.show(conversation, generations.of(conversation.id));
  refresh();
}

/** The conversation of this id as it is here, or as it is kept. */
const find = async (id) => generations.of(id)?.conversation ?? (id === current.id ? current : await store.load(id));

/** Shows what the address names; `isFirst` when the page has just been loaded. */
async function route(isFirst = false) {
  let id = idInAddress();
  if (id === undefined) return;
  if (isFirst) id ??= lastConversation.get();
  if (id === current.id) return;
  if (narrow.matches) showSidebar(false);
  const conversation = id && (await find(id));
  if (id && !conversation && !isFirst) say('No conversation of this address is in this browser.');
  show(conversation || (isNew(current) ? current : newConversation()), true);
}

function startNew() {
  if (narrow.matches) showSidebar(false);
  show(newConversation());
  composer.focus();
}

async function change(id, fields) {
  const conversation = await find(id);
  if (!conversation) return;
  Object.assign(conversation, fields);
  await keeper.save(conversation, { fields: Object.keys(fields) });
  refresh();
}

function rename(id, title) {
  return change(id, { title });
}

function pin(id, pinned) {
  return change(id, { pinned });
}

async function saveOne(id) {
  saveMarkdown(await find(id));
}

async function remove(id) {
  generations.stop(id);
  const conversation = await find(id);
  // A reply that ends by this must not bring it back; and what the list no longer shows is really gone.
  await keeper.remove(id);
  keepDraft(id, '');
  if (id === current.id) show(newConversation(), true);
  else refresh();
  if (conversation) say('Conversation deleted', 'Undo', () => restore(conversation));
}

async function restore(conversation) {
  await keeper.save(conversation);
  show(conversation);
}

/** Another tab has kept something, of the conversation `id` if it says so. */
async function changedElsewhere(id) {
  for (const running of generations.ids) if (!keeper.isListed(running)) generations.stop(running);
  const conversation = generations.of(id)?.conversation ?? (id === current.id ? current : null);
  const stored = conversation && (await keeper.reload(conversation));
  if (stored) {
    const run = generations.of(id);
    absorb(conversation, stored, run?.message);
    if (conversation === current) view.show(current, run);
  }
  refresh();
}

// ---- sending

function send(text = composer.text) {
  const { edited } = composer;
  const { files } = attachments;
  if (!(text || files.length > 0) || generations.of(current.id)) return;
  // The server was not there before; perhaps it is now.
  if (picker.isEmpty) {
    picker.load();
    return;
  }
  const call = edited ? null : openToolCall(current);
  const message = call ? { role: 'tool', tool_call_id: call.id, tool_name: call.function.name, content: text } : { role: 'user', content: text };
  if (!call && files.length > 0) message.attachments = files;
  append(current, message, edited ? edited.parent : current.leaf);
  current.title ||= titleOf(text || message.attachments[0].name);
  composer.sent(current.id);
  keep([message], ['title', 'created']);
  if (!call || !openToolCall(current)) return reply();
  view.show(current);
  return refresh();
}

/** Keeps what was said in the conversation on screen. */
function keep(messages, fields = []) {
  current.updated = Date.now();
  current.model = picker.model;
  const saved = keeper.save(current, { fields: [...fields, 'leaf', 'updated', 'model'], messages });
  setAddress(current.id, true);
  lastConversation.set(current.id);
  return saved;
}

/** Begins a reply by `begin(options)`, unless one is running or what was typed into the settings is not usable. */
function generate(begin) {
  if (generations.of(current.id)) return;
  let options;
  try {
    options = { model: picker.model, system: settings.systemOf(current), fields: settings.requestFields(), isChat: chats(picker.model), held: fieldsHeldOf(picker.model) };
  } catch (error) {
    view.show(current);
    refresh();
    settings.open();
    say(error.message);
    return;
  }
  Object.assign(current, { model: options.model, system: options.system });
  view.show(current, begin(options));
  view.scrollToEnd();
  refresh();
  say('Replying');
}

const reply = () => generate((options) => generations.reply(current, options));

/** Replies again to what `message` replied to; if none is named, to the last thing said. */
function regenerate(message = path(current).at(-1)) {
  if (message?.role === 'assistant') generate((options) => generations.replace(current, message, options));
  else if (message) reply();
  composer.focus();
}

/** Goes on with a reply that broke, was stopped or was cut. */
function proceed(message) {
  generate((options) => generations.proceed(current, message, options));
  composer.focus();
}

/** Leaves out the oldest turns, so that there is room; and goes on with the reply that had none. */
async function goOn(message = null) {
  const conversation = current;
  if (picker.nContext === null) await picker.refresh();
  if (picker.nContext === null) {
    say('The server does not tell how long the context is.');
    return;
  }
  const end = message && isVoid(message) ? message.parent : (message?.id ?? conversation.leaf);
  try {
    const { start: first, nLast } = await startThatFits(path(conversation, end), conversation.start, picker.nContext, (messages) => meter.count(messages));
    if (!first) {
      say(`There is no older turn to leave out: the last one has ${nLast} tokens, the context holds ${picker.nContext}.`);
      return;
    }
    conversation.start = first;
  } catch (error) {
    say(error.message);
    return;
  }
  await keeper.save(conversation, { fields: ['start'] });
  if (conversation !== current) return;
  view.show(current, generations.of(current.id));
  refresh();
  if (message && isVoid(message)) regenerate(message);
  else if (message) proceed(message);
}

/** Takes back that the oldest turns are left out. */
async function seeAll() {
  current.start = null;
  await keeper.save(current, { fields: ['start'] });
  view.show(current, generations.of(current.id));
  refresh();
}

async function ended(run, error) {
  const { conversation, message, shown } = run;
  // A stop before the first token leaves nothing to look at, nor does a request without a key.
  const isNothing = shown === message && isVoid(message) && (message.is_stopped || error?.status === 401);
  if (isNothing) detach(conversation, message);
  conversation.updated = Date.now();
  const saved = keeper.isListed(conversation.id) && keeper.save(conversation, { fields: ['leaf', 'updated', 'model', 'system'], messages: isNothing || shown !== message ? [] : [message] });
  if (conversation === current) view.finished(conversation);
  // Whoever sees that a reply is over may close the page: it is kept by then.
  await saved;
  refresh();
  // A model that was loaded for this reply has a context of known length now.
  if (picker.nContext === null && !error) picker.refresh().then(() => generations.of(current.id) || modelsLoaded());
  if (error?.status === 401) picker.askForKey(error, () => conversation === current && (run.before ? proceed(message) : regenerate(run.replaces)));
  else say(message.is_stopped ? 'Stopped' : error ? '' : 'Reply complete');
}

// ---- branches

function edit(message) {
  if (!generations.of(current.id)) composer.edit(message);
}

/** Edits the last thing that the user said; says whether there is one. */
function editLast() {
  const last = path(current).findLast((message) => message.role === 'user');
  if (last) edit(last);
  return Boolean(last);
}

function chooseBranch(message, label) {
  if (generations.of(current.id)) return;
  choose(current, message);
  view.show(current);
  view.focus(message, label);
  keeper.save(current, { fields: ['leaf'] });
  refresh();
}

// ---- models

function modelsLoaded() {
  if (!picker.isEmpty) welcome.show(picker.model);
  // Where there are several, replies say which made them; and how long the context is decides what is offered.
  if (!generations.of(current.id)) view.show(current);
  meter.show(current);
}

function modelChosen() {
  welcome.show(picker.model);
  meter.show(current);
}

// ---- start

function escape() {
  if (composer.edited) composer.cancelEdit();
  else if (narrow.matches && isSidebarShown()) {
    showSidebar(false);
    byId('menu').focus();
  } else generations.stop(current.id);
}

function focusSearch() {
  if (!isSidebarShown()) showSidebar(true);
  byId('search').focus();
}

bindKeys({
  startNew,
  toggleSidebar,
  focusSearch,
  escape,
  focusField: () => composer.focus(),
  openSettings: () => settings.open(),
  openHelp: () => byId('help').showModal(),
  regenerate: () => regenerate(),
});
bindFiles(keeper, (imported) => {
  const own = imported.find((conversation) => conversation.id === current.id);
  if (own && !generations.of(own.id)) show(own);
  refresh();
});
byId('new').addEventListener('click', startNew);
byId('open-settings').addEventListener('click', () => settings.open());
byId('open-help').addEventListener('click', () => byId('help').showModal());
byId('skip').addEventListener('click', (event) => {
  event.preventDefault();
  composer.focus();
});
addEventListener('hashchange', () => route());
start(() => composer.focus());
await route(true);
keeper.listen(changedElsewhere);
if (!store.isLasting) say('This browser keeps nothing: conversations are gone when the page is closed.');
await picker.load();
if (!narrow.matches && !document.querySelector('dialog[open]')) composer.focus();
document.body.dataset.ready = 'true';
