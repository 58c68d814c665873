// A line at the bottom, which screen readers speak.

import { byId, element } from './dom.js';

/** Progress is for the ears only: the eyes have the message itself. */
const UNSEEN = ['', 'Replying', 'Reply complete', 'Stopped'];

let quiet = 0;

/** Says `text`; with a button, which is called `label` and does `act`, it stays longer. */
export function say(text, label, act) {
  const toast = byId('toast');
  clearTimeout(quiet);
  toast.replaceChildren(element('span', {}, text));
  toast.classList.toggle('visually-hidden', UNSEEN.includes(text));
  if (label) toast.append(element('button', { type: 'button', class: 'text-button', click: () => (toast.replaceChildren(), act()) }, label));
  quiet = setTimeout(() => toast.replaceChildren(), label ? 10_000 : 5000);
}
