// The theme, the list beside the conversation, and the panels that open over both.

import { byId } from './dom.js';
import { theme } from './preferences.js';
import { say } from './toast.js';

/** On a phone the list lies over the conversation. */
export const narrow = matchMedia('(max-width: 800px)');

export const isSidebarShown = () => document.body.dataset.sidebar === 'open';

export function showSidebar(isOpen) {
  document.body.dataset.sidebar = isOpen ? 'open' : 'closed';
  byId('sidebar').inert = !isOpen;
  byId('menu').setAttribute('aria-expanded', String(isOpen));
  byId('main').inert = isOpen && narrow.matches;
  byId('scrim').hidden = !(isOpen && narrow.matches);
}

export const toggleSidebar = () => showSidebar(!isSidebarShown());

const THEMES = ['system', 'light', 'dark'];
function showTheme(name) {
  if (name === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  byId('theme').setAttribute('aria-label', `Theme: ${name}`);
  byId('theme').title = `Theme: ${name}`;
}

/** Connects what has to do with appearance alone; `closed` is called when a panel has closed. */
export function start(closed) {
  byId('theme').addEventListener('click', () => {
    const next = THEMES[(THEMES.indexOf(theme.get() ?? 'system') + 1) % THEMES.length];
    theme.set(next === 'system' ? null : next);
    showTheme(next);
    say(`Theme: ${next}`);
  });
  byId('menu').addEventListener('click', toggleSidebar);
  byId('scrim').addEventListener('click', () => showSidebar(false));
  narrow.addEventListener('change', () => showSidebar(!narrow.matches));
  for (const button of document.querySelectorAll('[data-close]')) button.addEventListener('click', () => button.closest('dialog').close());
  for (const dialog of document.querySelectorAll('dialog')) {
    // A click beside the panel closes it.
    dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
    dialog.addEventListener('close', closed);
  }
  showTheme(theme.get() ?? 'system');
  showSidebar(!narrow.matches);
}
