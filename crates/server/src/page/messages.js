// The conversation on screen. Data in, nodes out; what a button does is told by `actions`.

import { attachmentList } from './attachments.js';
import { tokensPerSecond } from './client.js';
import { TOO_LONG } from './context.js';
import { isUnfinished } from './conversation.js';
import { byId, copyText, element, iconButton } from './dom.js';
import { codeBlock, renderMarkdown } from './markdown.js';
import { path, siblings } from './tree.js';

/** Why a reply ended, where that is worth a word. */
const ENDS = { length: 'cut at the token limit', content_filter: 'withheld by a filter', timed_out: 'out of time', repetition: 'broken off: it repeated itself' };

export class MessagesView {
  #views = new Map();
  #conversation = null;
  #run = null;
  #waiting = null;
  #isAtEnd = true;

  constructor(actions) {
    this.actions = actions;
    this.scroller = byId('scroller');
    this.list = byId('messages');
    this.scroller.addEventListener('scroll', () => {
      this.#isAtEnd = this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < 48;
      byId('to-end').hidden = this.#isAtEnd;
    });
    byId('to-end').addEventListener('click', () => this.scrollToEnd());
    new ResizeObserver(() => this.#follow()).observe(this.list);
  }

  /** Shows the branch; what stands there already keeps its nodes, so that the reader's place and selection stay. */
  show(conversation, run = null) {
    if (this.#conversation !== conversation) this.#views.clear();
    const isOther = this.#conversation !== conversation;
    this.#conversation = conversation;
    this.#run = run;
    const history = path(conversation);
    byId('welcome').hidden = history.length > 0;
    const nodes = history.flatMap((message, index) => {
      const { root } = this.#viewOf(message);
      return index > 0 && message.id === conversation.start ? [this.#cut(), root] : [root];
    });
    let at = this.list.firstChild;
    for (const node of nodes) {
      if (node === at) at = at.nextSibling;
      else this.list.insertBefore(node, at);
    }
    while (at) {
      const next = at.nextSibling;
      at.remove();
      at = next;
    }
    for (const message of history) this.#fill(message, message === run?.shown);
    if (isOther) this.scrollToEnd();
  }

  /** Shows what changed in a running reply at the next frame; at most one update a frame. */
  changed() {
    if (this.#waiting) return;
    const show = () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      this.#waiting = null;
      if (this.#run) this.#fill(this.#run.shown, true);
    };
    // A tab in the background gets no frames, and must not fall behind.
    const frame = requestAnimationFrame(show);
    const timer = setTimeout(show, 250);
    this.#waiting = () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      this.#waiting = null;
    };
  }

  /** The run of the conversation on screen is over. */
  finished(conversation) {
    this.#waiting?.();
    this.show(conversation);
  }

  scrollToEnd() {
    this.#isAtEnd = true;
    this.#follow();
    byId('to-end').hidden = true;
  }

  /** Puts the focus where it was before a branch was chosen by a button of that name. */
  focus(message, label) {
    const { root } = this.#viewOf(message);
    const other = label === 'Next version' ? 'Previous version' : 'Next version';
    (root.querySelector(`[aria-label="${label}"]:enabled`) ?? root.querySelector(`[aria-label="${other}"]:enabled`))?.focus();
  }

  #follow() {
    if (this.#isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #viewOf(message) {
    if (this.#views.has(message)) return this.#views.get(message);
    const parts = {
      reasoning: element('div', { class: 'reasoning-slot' }),
      body: element('div', { class: 'body', dir: message.role === 'assistant' ? null : 'auto' }),
      calls: element('div', { class: 'calls' }),
      error: element('div', { class: 'error-slot' }),
      foot: element('div', { class: 'foot' }),
    };
    const who = { user: 'You', assistant: 'Reply', tool: `Result of ${message.tool_name ?? 'the tool'}` }[message.role];
    const heading = element('h2', { class: message.role === 'tool' ? 'who' : 'visually-hidden' }, who);
    parts.root = element('article', { class: `message ${message.role}` }, heading, ...attachmentList(message), ...[parts.reasoning, parts.body, parts.calls, parts.error, parts.foot]);
    this.#views.set(message, parts);
    return parts;
  }

  #cut() {
    const undo = element('button', { type: 'button', class: 'text-button', click: () => this.actions.seeAll() }, 'Send it again');
    return element('p', { class: 'cut' }, element('span', {}, 'The model no longer sees what stands above.'), undo);
  }

  #fill(message, isRunning) {
    const view = this.#viewOf(message);
    const isReplaced = isRunning && this.#run.message !== message;
    view.root.setAttribute('aria-busy', String(isRunning));
    view.root.classList.toggle('running', isRunning);
    view.root.classList.toggle('replaced', isReplaced);
    if (message.role === 'assistant') {
      this.#fillReasoning(view, message, isRunning);
      renderMarkdown(view.body, message.content);
      view.calls.replaceChildren(...(message.tool_calls ?? []).map(toolCall));
    } else {
      view.body.textContent = message.content;
    }
    const error = isRunning ? null : (message.failure ?? message.error);
    view.error.replaceChildren(...(error ? [this.#errorBox(message, error)] : []));
    if (isRunning) this.#fillRunning(view, message, isReplaced);
    else this.#fillFoot(view, message);
  }

  #fillReasoning(view, message, isRunning) {
    if (!message.reasoning) return view.reasoning.replaceChildren();
    if (!view.reasoning.firstChild) {
      view.reasoning.append(element('details', { class: 'reasoning' }, element('summary', {}), element('div', { class: 'reasoning-body' })));
    }
    const [summary, body] = view.reasoning.firstChild.children;
    summary.textContent = isRunning && !message.content ? 'Reasoning…' : 'Reasoning';
    return renderMarkdown(body, message.reasoning);
  }

  #errorBox(message, error) {
    const details = error.details?.length ? element('span', { class: 'details' }, error.details.join(' · ')) : null;
    const button = (label, act) => element('button', { type: 'button', class: 'text-button', click: act }, label);
    const buttons = element('div', { class: 'ways-on' });
    if (error.code === TOO_LONG) buttons.append(button('Go on without the oldest turns', () => this.actions.goOn(message)));
    buttons.append(button('Try again', () => this.actions.regenerate(message)));
    if (error.code !== TOO_LONG && isUnfinished(message)) buttons.append(button('Continue', () => this.actions.proceed(message)));
    return element('div', { class: 'error', role: 'alert' }, element('p', {}, error.message), details, buttons);
  }

  #fillRunning(view, message, isReplaced) {
    let line = view.foot.querySelector('.live');
    if (!line) {
      line = element('span', { class: 'stats live', 'aria-hidden': 'true' });
      view.foot.replaceChildren(line);
    }
    const now = performance.now();
    const rate = isReplaced ? null : tokensPerSecond(message.measured ?? {});
    // Four times a second, so that it can be read.
    if (rate && now - (view.shownAt ?? 0) < 250) return;
    if (rate) view.shownAt = now;
    line.textContent = rate ? `≈ ${rate.toFixed(1)} tok/s` : message.measured?.n_pieces && !isReplaced ? '' : 'Waiting for the first token…';
  }

  #fillFoot(view, message) {
    const buttons = element('span', { class: 'actions' });
    if (message.content) buttons.append(iconButton('copy', 'Copy message', () => this.#copy(message, buttons.firstChild)));
    if (message.role === 'user') buttons.append(iconButton('edit', 'Edit and send again', () => this.actions.edit(message)));
    const isFailed = message.failure || message.error;
    // An error has buttons of its own.
    if (message.role === 'assistant' && !isFailed) buttons.append(iconButton('again', 'Regenerate', () => this.actions.regenerate(message)));
    const isLast = message === path(this.#conversation).at(-1);
    const isFull = isLast && this.actions.isFull(message);
    const proceed = isLast && !isFailed && isUnfinished(message) && this.#proceedButton(message, isFull);
    const stats = message.role === 'assistant' ? element('span', { class: 'stats' }, statistics(message, this.actions.hasSeveralModels(), isFull)) : null;
    view.foot.replaceChildren(...[this.#branches(message), buttons, proceed, stats].filter(Boolean));
  }

  #proceedButton(message, isFull) {
    const [label, act] = isFull ? ['Go on without the oldest turns', () => this.actions.goOn(message)] : ['Continue', () => this.actions.proceed(message)];
    return element('button', { type: 'button', class: 'text-button', click: act }, label);
  }

  /** ‹ 2/3 › where something else was said in the place of a message. */
  #branches(message) {
    const all = siblings(this.#conversation, message);
    if (all.length < 2) return null;
    const at = all.indexOf(message);
    const button = (name, label, other) => iconButton(name, label, () => this.actions.choose(other, label), { disabled: !other });
    const count = element('span', { class: 'count', role: 'img', 'aria-label': `Version ${at + 1} of ${all.length}` }, `${at + 1}/${all.length}`);
    return element('span', { class: 'branches' }, button('previous', 'Previous version', all[at - 1]), count, button('next', 'Next version', all[at + 1]));
  }

  async #copy(message, button) {
    try {
      await copyText(message.content);
      button.classList.add('done');
      setTimeout(() => button.classList.remove('done'), 1200);
      this.actions.say('Copied');
    } catch (error) {
      this.actions.say(`Not copied: ${error.message}`);
    }
  }
}

function toolCall(call) {
  let text = call.function.arguments;
  try {
    text = JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    // Still streaming, or not JSON: shown as it came.
  }
  return element('section', { class: 'call', 'aria-label': `Call of ${call.function.name}` }, element('h3', {}, 'Calls ', element('code', {}, call.function.name)), codeBlock(text, 'json'));
}

/** What was measured of a reply, in words; the model's name where there are several. */
export function statistics(message, isModelNamed, isFull = false) {
  const { measured = {} } = message;
  const parts = [];
  const rate = tokensPerSecond(measured);
  const isCounted = measured.n_completion !== undefined;
  if (rate) parts.push(`${isCounted ? '' : '≈ '}${rate.toFixed(1)} tok/s`);
  if (measured.first_token_ms !== undefined) parts.push(`first token ${seconds(measured.first_token_ms)}`);
  if (isCounted) parts.push(`${measured.n_completion} token${measured.n_completion === 1 ? '' : 's'}`);
  if (measured.n_prompt !== undefined) {
    parts.push(measured.n_cached === undefined ? `prompt ${measured.n_prompt}` : `prompt ${measured.n_prompt}, ${measured.n_cached} cached`);
  }
  if (message.is_stopped) parts.push('stopped');
  else if (isFull && message.finish_reason === 'length') parts.push('the context is full');
  else if (ENDS[message.finish_reason]) parts.push(ENDS[message.finish_reason]);
  if (isModelNamed && message.model) parts.push(message.model);
  return parts.join(' · ');
}

const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);
