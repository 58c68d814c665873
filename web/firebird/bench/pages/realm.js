// The end of a frame or worker that reads its own surfaces: it posts them to who made it.
'use strict';

surfaces.all(self).then((found) => {
  if (self.document) parent.postMessage(found, '*');
  else self.postMessage?.(found);
  for (const port of self.ports ?? []) port.postMessage(found);
});
