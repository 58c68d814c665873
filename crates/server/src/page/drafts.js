// What was typed and not sent, for each conversation; the draft of a conversation that is not there yet stays with its tab.

import { drafts, newDraft } from './preferences.js';

const DRAFTS_MAX = 100;
const LENGTH_MAX = 200_000;
const WRITE_AFTER_MS = 400;

let pending = null;
let timer = 0;

function read() {
  try {
    const kept = JSON.parse(drafts.get() ?? '{}');
    return kept && typeof kept === 'object' ? kept : {};
  } catch {
    return {};
  }
}

/** The draft of a conversation; of the new one if `id` is null. */
export function draftOf(id) {
  writeDraft();
  const text = id ? read()[id] : newDraft.get();
  return typeof text === 'string' ? text : '';
}

/** Keeps a draft, soon: a key that is pressed waits for nothing. */
export function keepDraft(id, text) {
  if (pending && pending.id !== id) writeDraft();
  pending = { id, text };
  clearTimeout(timer);
  timer = setTimeout(writeDraft, WRITE_AFTER_MS);
}

/** Keeps at once what waits to be kept. */
export function writeDraft() {
  if (!pending) return;
  const { id, text } = pending;
  pending = null;
  clearTimeout(timer);
  if (!id) return newDraft.set(text || null);
  // Read anew, for another tab may have written; the last one written goes last, and the oldest go first.
  const { [id]: before, ...others } = read();
  const entries = [...Object.entries(others), ...(text ? [[id, text.slice(0, LENGTH_MAX)]] : [])];
  drafts.set(JSON.stringify(Object.fromEntries(entries.slice(-DRAFTS_MAX))));
}

addEventListener('pagehide', writeDraft);
