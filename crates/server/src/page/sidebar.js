// The list of conversations: by date, searched, opened, renamed, pinned; arrows walk it, and it is one stop of the tab key.

import { addressOf } from './address.js';
import { byId, element, icon, iconButton } from './dom.js';
import { groupsOf } from './groups.js';
import { openMenu } from './menu.js';
import { Search } from './search.js';

/** So many are shown at once; a button shows the others. */
const SHOWN_MAX = 300;

export class Sidebar {
  #state = { summaries: [], currentId: null, runningIds: new Set() };
  #isWhole = false;
  /** Rows by conversation, each with what it was made of. */
  #items = new Map();

  /** `actions`: again (the open one was chosen), refresh, rename, pin, save, remove, leave. */
  constructor(actions, store) {
    this.actions = actions;
    this.list = byId('conversations');
    this.search = new Search(store, () => this.#render());
    this.list.addEventListener('keydown', (event) => this.#key(event));
    this.list.addEventListener('focusin', (event) => this.#rove(event.target.closest('li')));
    byId('search').addEventListener('keydown', (event) => this.#searchKey(event));
  }

  show(summaries, currentId, runningIds) {
    this.#state = { summaries, currentId, runningIds };
    const ids = new Set(summaries.map(({ id }) => id));
    for (const id of this.#items.keys()) if (!ids.has(id)) this.#items.delete(id);
    this.#render();
  }

  #render() {
    if (this.list.querySelector('input')) return;
    const { summaries, currentId, runningIds } = this.#state;
    const focused = document.activeElement?.closest?.('#conversations li')?.dataset.id;
    const found = this.search.filter(summaries);
    const shown = found.sort((a, b) => b.updated - a.updated).slice(0, this.#isWhole ? Infinity : SHOWN_MAX);
    const sections = groupsOf(shown, Date.now()).map(({ label, items }, index) => {
      const heading = element('h3', { id: `group-${index}` }, label);
      const rows = items.map((summary) => this.#item(summary, summary.id === currentId, runningIds.has(summary.id)));
      return element('section', { 'aria-labelledby': heading.id }, heading, element('ul', {}, ...rows));
    });
    if (shown.length < found.length) sections.push(this.#moreButton(found.length - shown.length));
    this.list.replaceChildren(...sections);
    byId('search').hidden = summaries.length === 0;
    byId('no-conversations').hidden = found.length > 0;
    byId('no-conversations').textContent = summaries.length > 0 ? 'Nothing found.' : 'Conversations stay in this browser.';
    this.#rove(this.#row(focused) ?? this.#row(currentId) ?? this.list.querySelector('li'));
    if (focused) this.#row(focused)?.querySelector('.open').focus();
  }

  #moreButton(n) {
    const show = () => {
      this.#isWhole = true;
      this.#render();
    };
    return element('button', { type: 'button', class: 'text-button', click: show }, `Show ${n} more`);
  }

  /** The row of a conversation; the one that was shown before if it looks the same. */
  #item(summary, isCurrent, isRunning) {
    const excerpt = this.search.excerptOf(summary);
    const look = JSON.stringify([summary.title, summary.pinned, summary.updated, isCurrent, isRunning, excerpt]);
    const known = this.#items.get(summary.id);
    if (known?.look === look) return known.item;
    const item = this.#newItem(summary, isCurrent, isRunning, excerpt);
    this.#items.set(summary.id, { look, item });
    return item;
  }

  #newItem(summary, isCurrent, isRunning, excerpt) {
    const title = summary.title || 'New conversation';
    const open = element(
      'a',
      { class: 'open', href: addressOf(summary.id), title: new Date(summary.updated).toLocaleString(), 'aria-current': isCurrent ? 'page' : null, click: () => isCurrent && this.actions.again() },
      element('span', { class: 'title', dir: 'auto' }, title),
    );
    if (summary.pinned) open.append(icon('pin'));
    if (isRunning) open.append(element('span', { class: 'pulse', role: 'img', 'aria-label': 'replying' }));
    if (excerpt) open.append(element('small', { dir: 'auto' }, excerpt));
    const item = element('li', { class: isCurrent ? 'current' : null, 'data-id': summary.id }, open);
    const more = iconButton('more', `Actions for ${title}`, () => this.#menu(item, summary, more), { 'aria-haspopup': 'menu', tabindex: '-1' });
    item.append(more);
    return item;
  }

  #row(id) {
    return id ? this.list.querySelector(`li[data-id="${CSS.escape(id)}"]`) : null;
  }

  #rows() {
    return [...this.list.querySelectorAll('li')];
  }

  /** Makes `item` the one of the list that the tab key stops at. */
  #rove(item) {
    if (!item) return;
    for (const open of this.list.querySelectorAll('.open')) open.tabIndex = -1;
    item.querySelector('.open')?.setAttribute('tabindex', '0');
  }

  #menu(item, summary, button) {
    const entries = [
      ['pin', summary.pinned ? 'Unpin' : 'Pin', () => this.actions.pin(summary.id, !summary.pinned)],
      ['edit', 'Rename', () => this.#rename(item, summary)],
      ['save', 'Export as Markdown', () => this.actions.save(summary.id)],
      ['delete', 'Delete', () => this.#remove(item)],
    ];
    openMenu(button, entries, () => item.querySelector('.open')?.focus());
  }

  #rename(item, summary) {
    this.#items.delete(summary.id);
    const field = element('input', { type: 'text', 'aria-label': 'Title', maxlength: '120' });
    field.value = summary.title;
    let isOver = false;
    const end = async (isKept) => {
      if (isOver) return;
      isOver = true;
      const title = field.value.trim();
      field.remove();
      const isRenamed = isKept && title && title !== summary.title;
      await (isRenamed ? this.actions.rename(summary.id, title) : this.actions.refresh());
      this.#row(summary.id)?.querySelector('.open').focus();
    };
    field.addEventListener('blur', () => end(true));
    field.addEventListener('keydown', (event) => {
      event.stopPropagation();
      if (event.isComposing) return;
      if (event.key === 'Enter') end(true);
      if (event.key === 'Escape') end(false);
    });
    item.replaceChildren(field);
    field.focus();
    field.select();
  }

  #remove(item) {
    const rows = this.#rows();
    const at = rows.indexOf(item);
    const next = rows[at + 1] ?? rows[at - 1];
    this.actions.remove(item.dataset.id);
    (next?.querySelector('.open') ?? byId('new')).focus();
  }

  #key(event) {
    const item = event.target.closest('li');
    if (!item || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = this.#rows();
    const at = rows.indexOf(item);
    const others = { ArrowDown: rows[at + 1], ArrowUp: rows[at - 1] ?? byId('search'), Home: rows[0], End: rows.at(-1) };
    const acts = {
      ArrowRight: () => item.querySelector('.icon-button').focus(),
      ArrowLeft: () => item.querySelector('.open').focus(),
      ContextMenu: () => item.querySelector('.icon-button').click(),
      F2: () => this.#rename(item, this.#state.summaries.find((summary) => summary.id === item.dataset.id)),
      Delete: () => this.#remove(item),
      Escape: () => this.actions.leave(),
    };
    if (event.key in others) (others[event.key]?.querySelector?.('.open') ?? others[event.key])?.focus();
    else if (event.key in acts) acts[event.key]();
    else return;
    event.preventDefault();
  }

  #searchKey(event) {
    if (event.isComposing) return;
    // What was typed last may not show yet.
    if (['ArrowDown', 'Enter'].includes(event.key)) this.#render();
    const first = this.list.querySelector('.open');
    if (event.key === 'ArrowDown') first?.focus();
    else if (event.key === 'Enter') first?.click();
    else if (event.key === 'Escape' && !this.search.clear()) this.actions.leave();
    else if (event.key !== 'Escape') return;
    event.preventDefault();
  }
}
