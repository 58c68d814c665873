// What the tests' pages, frames and workers read with. Nothing here knows of the extension.
self.T = {
  canvas(win, w, h) {
    if (!win.document) return new OffscreenCanvas(w, h);
    return Object.assign(win.document.createElement("canvas"), { width: w, height: h });
  },
  // A canvas with text, a curve and flat areas.
  text(win = self, w = 240, h = 60) {
    const canvas = T.canvas(win, w, h);
    const context = canvas.getContext("2d");
    context.fillStyle = "#f60";
    context.fillRect(125, 1, 62, 20);
    context.fillStyle = "#069";
    context.font = "15px serif";
    context.fillText("Cwm fjordbank glyphs vext quiz", 2, 15);
    context.fillStyle = "rgba(102, 204, 0, 0.7)";
    context.fillText("Cwm fjordbank glyphs vext quiz", 4, 37);
    context.arc(200, 40, 15, 0, 6);
    context.fill();
    return canvas;
  },
  data: (canvas, ...rectangle) => canvas.getContext("2d").getImageData(...(rectangle.length ? rectangle : [0, 0, canvas.width, canvas.height])).data,
  hash(bytes) {
    let h = 0x811c9dc5;
    for (const byte of bytes) h = Math.imul(h ^ byte, 0x01000193);
    return (h >>> 0).toString(16);
  },
  pixels: (canvas) => T.hash(T.data(canvas)),
  async audio(win = self) {
    const context = new win.OfflineAudioContext(1, 4000, 44100);
    const source = context.createOscillator();
    const compressor = context.createDynamicsCompressor();
    source.type = "triangle";
    source.frequency.value = 10000;
    source.connect(compressor).connect(context.destination);
    source.start();
    return (await context.startRendering()).getChannelData(0);
  },
  // What a script run by a worker answers.
  worker: (url, options) =>
    new Promise((resolve, reject) => {
      const worker = new Worker(url, options);
      worker.onmessage = (event) => (resolve(event.data), worker.terminate());
      worker.onerror = (event) => (event.preventDefault(), reject(new Error(`worker: ${event.message}`)));
      worker.postMessage(1);
    }),
  // A frame of the page, once it has told what it reads.
  told: (url) =>
    new Promise((resolve) => {
      const name = `?${Math.random()}`;
      const hear = (event) => event.data[0] === name && (removeEventListener("message", hear), resolve(event.data[1]));
      addEventListener("message", hear);
      document.body.append(Object.assign(document.createElement("iframe"), { src: url + name }));
    }),
};
