// The only scripts that the page's policy lets in are files of its own; any violation fails the page (`check.js`).
'use strict';

checking(async (is) => {
  await new Promise((resolve) => addEventListener('DOMContentLoaded', resolve, { once: true }));
  const c = canvasOf(20, 20);
  c.fillStyle = '#00f';
  c.fillRect(0, 0, 20, 20);
  c.fillText('x', 2, 9);
  is('pixel', pixel(c, 15, 15) === '0,0,255,255');
  const policy = trustedTypesOr();
  const worker = new Worker(policy('/breakage/app-worker.js'));
  const answer = message(worker, 'an answer');
  worker.postMessage(new ArrayBuffer(16));
  is('a worker of its own', (await answer).sorted.byteLength === 16);
  const frame = document.body.appendChild(document.createElement('iframe'));
  is('a frame', frame.contentWindow.parent === window);
  await new Promise((resolve) => setTimeout(resolve, 200));
});

function trustedTypesOr() {
  if (!window.trustedTypes) return (url) => url;
  const made = trustedTypes.createPolicy('own', { createScriptURL: (url) => url });
  return (url) => made.createScriptURL(url);
}
