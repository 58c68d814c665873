// Reads each surface in three frames: one as it is, two changed by the very code that runs in pages.

const SURFACES = {
  async canvas(win) {
    const canvas = win.document.createElement("canvas");
    const context = canvas.getContext("2d");
    context.font = "18px serif";
    context.fillStyle = "#069";
    context.fillText("Sphinx of black quartz", 4, 24);
    context.arc(60, 60, 30, 0, 5);
    context.fill();
    return digest(context.getImageData(0, 0, 200, 100).data);
  },
  async "canvas as a picture"(win) {
    const canvas = win.document.createElement("canvas");
    canvas.getContext("2d").fillText("Sphinx of black quartz", 4, 24);
    return digest(new TextEncoder().encode(canvas.toDataURL()));
  },
  async audio(win) {
    const context = new win.OfflineAudioContext(1, 5000, 44100);
    const source = context.createOscillator();
    source.connect(context.destination);
    source.start();
    return digest(new Uint8Array((await context.startRendering()).getChannelData(0).buffer));
  },
  async "graphics card"(win) {
    const gl = win.document.createElement("canvas").getContext("webgl");
    if (!gl) return "no WebGL";
    const info = gl.getExtension("WEBGL_debug_renderer_info");
    return String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  },
  cores: async (win) => String(win.navigator.hardwareConcurrency),
  memory: async (win) => String(win.navigator.deviceMemory ?? "not told"),
};

async function digest(bytes) {
  const hash = new Uint32Array(await crypto.subtle.digest("SHA-256", bytes));
  return hexOf(hash.subarray(0, 2));
}

function frame(key) {
  const element = document.createElement("iframe");
  element.hidden = true;
  document.body.append(element);
  if (key) firebirdCore(element.contentWindow, key);
  return element.contentWindow;
}

async function run() {
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const keyOf = (site) => hexOf(hmac(secret, site));
  const windows = [frame(""), frame(keyOf(siteOf("www.a.example"))), frame(keyOf(siteOf("b.example")))];
  for (const [name, read] of Object.entries(SURFACES)) {
    const values = [];
    for (const win of windows) values.push(await read(win));
    const isStable = (await read(windows[1])) === values[1];
    const cells = [name, ...values, isStable ? "yes" : "no", values[1] !== values[2] ? "yes" : "no"];
    const row = document.createElement("tr");
    row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
    document.getElementById("rows").append(row);
  }
  document.body.dataset.ready = "true";
}
run();
