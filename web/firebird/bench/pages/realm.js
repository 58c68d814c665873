// The end of a frame that reads its own surfaces: at once, and again when whatever comes late has come.
'use strict';

(async () => {
  const first = await surfaces.all(self);
  await new Promise((resolve) => setTimeout(resolve, 500));
  parent.postMessage({ ...(await surfaces.all(self)), first }, '*');
})();
