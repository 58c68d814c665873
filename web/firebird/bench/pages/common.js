// What every page of the measurement shares: its report, its errors, and the readings of surfaces.
'use strict';

const plan = new URLSearchParams(location.search).get('plan');

/** Hands the result to the server and goes where its answer says. */
async function report(value) {
  if (!plan) {
    document.title = JSON.stringify(value);
    return;
  }
  const reply = await fetch(`/report?plan=${plan}`, { method: 'POST', body: JSON.stringify(value) });
  const next = await reply.text();
  if (next) location.replace(next);
}

/** Reports what `work` gives, or that it failed. */
function reporting(work) {
  addEventListener('error', (event) => report({ error: `${event.message} at ${event.filename}:${event.lineno}` }));
  Promise.resolve()
    .then(work)
    .then(report, (error) => report({ error: `${error} ${error?.stack ?? ''}` }));
}

/** A short name of a text or of bytes (FNV-1a, 2 × 32 bits). */
function hashOf(data) {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : new Uint8Array(data.buffer ?? data);
  let a = 0x811c9dc5;
  let b = 0x1000193;
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193) >>> 0;
    b = Math.imul(b + byte, 0x85ebca6b) ^ (b >>> 13);
  }
  return a.toString(16).padStart(8, '0') + (b >>> 0).toString(16).padStart(8, '0');
}
