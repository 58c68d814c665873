// A menu that opens at a button: arrows walk it, Escape and a click elsewhere close it.

import { byId, element, icon } from './dom.js';

/** Opens a menu of `[symbol, label, act]` at `button`; `closed()` is called when it closes with nothing chosen by the keyboard. */
export function openMenu(button, entries, closed) {
  const menu = byId('actions');
  const choose = (act) => {
    menu.hidePopover();
    act();
  };
  menu.replaceChildren(...entries.map(([name, label, act]) => element('button', { type: 'button', role: 'menuitem', tabindex: '-1', click: () => choose(act) }, icon(name), element('span', {}, label))));
  menu.setAttribute('aria-label', button.getAttribute('aria-label'));
  menu.onkeydown = (event) => walk(event, menu, closed);
  menu.showPopover();
  place(menu, button.getBoundingClientRect());
  menu.firstChild.focus();
}

/** Below the button, or above it where there is no room. */
function place(menu, { left, right, top, bottom }) {
  const [width, height] = [menu.offsetWidth, menu.offsetHeight];
  const isRight = getComputedStyle(menu).direction === 'rtl';
  menu.style.left = `${Math.max(8, Math.min(isRight ? right - width : left, innerWidth - width - 8))}px`;
  menu.style.top = `${bottom + height + 8 > innerHeight ? Math.max(8, top - height) : bottom}px`;
}

function walk(event, menu, closed) {
  const items = [...menu.children];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: items[(at + 1) % items.length], ArrowUp: items.at(at - 1), Home: items[0], End: items.at(-1) }[event.key];
  if (next) next.focus();
  else if (['Escape', 'Tab', 'ArrowLeft'].includes(event.key)) {
    menu.hidePopover();
    closed();
  } else return;
  event.preventDefault();
  event.stopPropagation();
}
