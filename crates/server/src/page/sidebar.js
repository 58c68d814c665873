// The list of conversations: open, rename, delete; arrows walk it.

import { byId, element, iconButton } from './dom.js';

export class Sidebar {
  constructor(actions) {
    this.actions = actions;
    this.list = byId('conversations');
    this.list.addEventListener('keydown', (event) => this.#key(event));
  }

  show(summaries, currentId, runningIds) {
    const focused = document.activeElement?.closest?.('#conversations li')?.dataset.id;
    if (this.list.querySelector('input')) return;
    const sorted = [...summaries].sort((a, b) => b.updated - a.updated);
    this.list.replaceChildren(...sorted.map((summary) => this.#item(summary, currentId, runningIds.has(summary.id))));
    byId('no-conversations').hidden = sorted.length > 0;
    if (focused) this.#open(focused)?.focus();
  }

  #item(summary, currentId, isRunning) {
    const title = summary.title || 'New conversation';
    const isCurrent = summary.id === currentId;
    const open = element('button', { type: 'button', class: 'open', 'aria-current': isCurrent ? 'page' : null, click: () => this.actions.open(summary.id) }, element('span', { dir: 'auto' }, title));
    if (isRunning) open.append(element('span', { class: 'pulse', role: 'img', 'aria-label': 'replying' }));
    const item = element('li', { class: isCurrent ? 'current' : null, 'data-id': summary.id }, open);
    item.append(
      iconButton('edit', `Rename ${title}`, () => this.#rename(item, summary)),
      iconButton('delete', `Delete ${title}`, () => this.actions.remove(summary.id)),
    );
    return item;
  }

  #open(id) {
    return this.list.querySelector(`li[data-id="${CSS.escape(id)}"] .open`);
  }

  #rename(item, summary) {
    const field = element('input', { type: 'text', 'aria-label': 'Title', maxlength: '120' });
    field.value = summary.title;
    let isOver = false;
    const end = (isKept) => {
      if (isOver) return;
      isOver = true;
      const title = field.value.trim();
      field.remove();
      if (isKept && title && title !== summary.title) this.actions.rename(summary.id, title);
      else this.actions.refresh();
      this.#open(summary.id)?.focus();
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

  #key(event) {
    const item = event.target.closest('li');
    if (!item) return;
    const others = { ArrowDown: item.nextElementSibling, ArrowUp: item.previousElementSibling, Home: this.list.firstElementChild, End: this.list.lastElementChild };
    if (event.key in others) {
      event.preventDefault();
      others[event.key]?.querySelector('.open').focus();
    } else if (event.key === 'F2') {
      event.preventDefault();
      this.#rename(item, this.actions.summary(item.dataset.id));
    } else if (event.key === 'Delete') {
      const next = item.nextElementSibling ?? item.previousElementSibling;
      this.actions.remove(item.dataset.id);
      (next?.querySelector('.open') ?? byId('new')).focus();
    }
  }
}
