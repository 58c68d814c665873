// A module worker: the shared scripts are classic, so their text is run in the global scope.
const texts = await Promise.all(['/common.js', '/surfaces.js'].map(async (path) => (await fetch(path)).text()));
const surfaces = (0, eval)(`${texts.join('\n').replaceAll("'use strict';", '')}; surfaces`);
self.postMessage(await surfaces.all(self));
