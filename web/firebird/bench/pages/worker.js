// A classic worker of any kind: answers whoever connects or asks with the readings of its surfaces.
'use strict';

importScripts('/common.js', '/surfaces.js');
self.onconnect = (event) => surfaces.all(self).then((found) => event.ports[0].postMessage(found));
self.onmessage = (event) => surfaces.all(self).then((found) => (event.source ?? self).postMessage(found));
