// The conversation on screen. Data in, nodes out; what a button does is told by `actions`.

import { attachmentList } from './attachments.js';
import { tokensPerSecond } from './client.js';
import { byId, copyText, element, iconButton } from './dom.js';
import { codeBlock, renderMarkdown } from './markdown.js';

/** Why a reply ended, where that is worth a word. */
const ENDS = { length: 'cut at the token limit', content_filter: 'withheld by a filter', timed_out: 'out of time' };

export class MessagesView {
  #views = new Map();
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

  show(conversation, running) {
    this.#views.clear();
    this.list.replaceChildren();
    byId('welcome').hidden = conversation.messages.length > 0;
    for (const message of conversation.messages) this.#add(message);
    for (const message of conversation.messages) this.#fill(message, message === running);
    this.scrollToEnd();
  }

  add(message, isRunning) {
    byId('welcome').hidden = true;
    this.#add(message);
    this.#fill(message, isRunning);
    this.scrollToEnd();
  }

  /** Shows what changed in a running reply at the next frame; at most one update a frame. */
  changed(message) {
    if (this.#waiting) return;
    const show = () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
      this.#waiting = null;
      this.#fill(message, true);
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

  finished(message) {
    this.#waiting?.();
    this.#fill(message, false);
  }

  scrollToEnd() {
    this.#isAtEnd = true;
    this.#follow();
    byId('to-end').hidden = true;
  }

  #follow() {
    if (this.#isAtEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
  }

  #add(message) {
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
    this.list.append(parts.root);
  }

  #fill(message, isRunning) {
    const view = this.#views.get(message);
    if (!view) return;
    view.root.setAttribute('aria-busy', String(isRunning));
    view.root.classList.toggle('running', isRunning);
    if (message.role === 'assistant') {
      this.#fillReasoning(view, message, isRunning);
      renderMarkdown(view.body, message.content);
      view.calls.replaceChildren(...(message.tool_calls ?? []).map(toolCall));
    } else {
      view.body.textContent = message.content;
    }
    view.error.replaceChildren(...(message.error && !isRunning ? [this.#errorBox(message)] : []));
    if (isRunning) this.#fillRunning(view, message);
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

  #errorBox({ error }) {
    const details = error.details?.length ? element('span', { class: 'details' }, error.details.join(' · ')) : null;
    const retry = element('button', { type: 'button', class: 'text-button', click: () => this.actions.regenerate() }, 'Try again');
    return element('div', { class: 'error', role: 'alert' }, element('p', {}, error.message), details, retry);
  }

  #fillRunning(view, message) {
    let line = view.foot.querySelector('.live');
    if (!line) {
      line = element('span', { class: 'stats live', 'aria-hidden': 'true' });
      view.foot.replaceChildren(line);
    }
    const now = performance.now();
    const rate = tokensPerSecond(message.measured ?? {});
    // Four times a second, so that it can be read.
    if (rate && now - (view.shownAt ?? 0) < 250) return;
    if (rate) view.shownAt = now;
    line.textContent = rate ? `≈ ${rate.toFixed(1)} tok/s` : message.measured?.n_pieces ? '' : 'Waiting for the first token…';
  }

  #fillFoot(view, message) {
    const buttons = element('span', { class: 'actions' });
    if (message.content) buttons.append(iconButton('copy', 'Copy message', () => this.#copy(message, buttons.firstChild)));
    if (message.role === 'user') buttons.append(iconButton('edit', 'Edit and send again', () => this.actions.edit(message)));
    // An error has a button of its own.
    if (message.role === 'assistant' && !message.error) buttons.append(iconButton('again', 'Regenerate', () => this.actions.regenerate(message)));
    const stats = message.role === 'assistant' ? element('span', { class: 'stats' }, statistics(message, this.actions.hasSeveralModels())) : null;
    view.foot.replaceChildren(...[buttons, stats].filter(Boolean));
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
export function statistics(message, isModelNamed) {
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
  else if (ENDS[message.finish_reason]) parts.push(ENDS[message.finish_reason]);
  if (isModelNamed && message.model) parts.push(message.model);
  return parts.join(' · ');
}

const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`);
