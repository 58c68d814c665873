// Assertions of the pages that must not break: `checking(async (is) => is('what holds', condition))`.
'use strict';

/** Reports whether all held, and the first that did not. */
function checking(work) {
  const failures = [];
  let held = 0;
  const is = (what, condition) => {
    if (condition) held += 1;
    else failures.push(what);
  };
  addEventListener('securitypolicyviolation', (event) => failures.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
  addEventListener('error', (event) => failures.push(`error: ${event.message}`));
  Promise.resolve()
    .then(() => work(is))
    .catch((error) => failures.push(`${error} ${error?.stack ?? ''}`))
    .then(() => report({ passed: !failures.length && held > 0, held, failures }));
}

function canvasOf(w, h, options) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [w, h];
  return canvas.getContext('2d', options);
}

const pixel = (c, x, y) => [...c.getImageData(x, y, 1, 1).data].join();

/** The next message of a worker, a port or a window. */
function message(from, what = 'a message') {
  return new Promise((resolve, reject) => {
    from.addEventListener('message', (event) => resolve(event.data), { once: true });
    from.addEventListener('error', (event) => reject(new Error(`error event while waiting for ${what}: ${event.message}`)));
    from.start?.();
    setTimeout(() => reject(new Error(`${what} did not come`)), 10000);
  });
}

const textWorker = (text) => new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
