// Sorts what it gets, and draws a small picture.
'use strict';

onmessage = async ({ data }) => {
  const sorted = new Float64Array(data).sort().buffer;
  const canvas = new OffscreenCanvas(20, 10);
  canvas.getContext('2d').fillRect(0, 0, 20, 10);
  postMessage({ sorted, name: self.name, href: location.href, blob: await canvas.convertToBlob() }, [sorted]);
};
