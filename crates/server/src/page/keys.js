// What each key does where no field or list has a use for it.

import { byId } from './dom.js';
import { noSingleKeys } from './preferences.js';

const isTyping = (target) => target.matches?.('input, textarea, select, [contenteditable]');

/** Connects the keys to `actions`: focusField, focusSearch, openSettings, openHelp, startNew, regenerate, toggleSidebar, escape. */
export function bindKeys(actions) {
  document.addEventListener('keydown', (event) => {
    if (event.isComposing || event.defaultPrevented || document.querySelector('dialog[open]')) return;
    const act = actionOf(event, actions);
    if (!act) return;
    event.preventDefault();
    act();
  });
  byId('single-keys').checked = noSingleKeys.get() === null;
  byId('single-keys').addEventListener('change', (event) => noSingleKeys.set(event.target.checked ? null : 'off'));
}

function actionOf(event, actions) {
  const isCommand = event.ctrlKey || event.metaKey;
  if (isCommand) {
    if (!event.shiftKey && event.key.toLowerCase() === 'k') return actions.focusField;
    return event.key === ',' ? actions.openSettings : null;
  }
  if (event.key === 'Escape') return actions.escape;
  if (event.altKey) {
    return { KeyN: actions.startNew, KeyR: actions.regenerate, KeyB: actions.toggleSidebar, KeyS: actions.focusSearch }[event.code];
  }
  if (isTyping(event.target) || noSingleKeys.get() !== null) return null;
  return { '/': actions.focusField, '?': actions.openHelp }[event.key];
}
