// WebGL and WebGPU: pixels as those of canvases; of the graphics card the maker, not the model.

const FAMILIES = [
  [/nvidia|geforce|quadro/i, "NVIDIA"], [/\bamd\b|radeon|\bati\b/i, "AMD"], [/intel/i, "Intel"], [/apple/i, "Apple"], [/adreno|qualcomm/i, "Qualcomm"],
  [/\bmali\b|\barm\b/i, "ARM"], [/powervr/i, "Imagination"], [/llvmpipe|mesa/i, "Mesa"], [/google|swiftshader/i, "Google"],
];
const ADAPTER = ["vendor", "architecture", "device", "description"];
const [GL_RGBA, GL_BYTES, GL_RENDERER, GL_FRAMEBUFFER] = [0x1908, 0x1401, 0x1f01, 0x8ca6];
const [UNMASKED_VENDOR, UNMASKED_RENDERER, PACK_ROW_LENGTH, PACK_SKIP_ROWS, PACK_SKIP_PIXELS] = [0x9245, 0x9246, 0x0d02, 0x0d03, 0x0d04];
const Octets = Uint8Array;
const TypedArray = getPrototypeOf(Words);
const [memoryOf, offsetOf] = [getter(TypedArray, "buffer"), getter(TypedArray, "byteOffset")];

function family(text, pname) {
  if (typeof text !== "string" || text === "WebKit WebGL" || text === "Mozilla") return text;
  let name = "GPU";
  for (let i = 0; i < FAMILIES.length; i++) {
    if (!matches(FAMILIES[i][0], text)) continue;
    name = FAMILIES[i][1];
    break;
  }
  if (pname === UNMASKED_VENDOR) return matches(/^Google Inc\./, text) ? `Google Inc. (${name})` : name;
  return matches(/^ANGLE \(/, text) ? `ANGLE (${name})` : name;
}

const drawing = new WeakSet(); // windows
function installWebgl(win) {
  if (setHas(drawing, win) || state.isOff) return;
  setAdd(drawing, win);
  installGl(win.WebGLRenderingContext, scope.WebGLRenderingContext, false);
  installGl(win.WebGL2RenderingContext, scope.WebGL2RenderingContext, true);
}

function installGpu(win) {
  const info = win.GPUAdapterInfo && win.GPUAdapterInfo.prototype;
  for (let i = 0; i < ADAPTER.length; i++) wrap(info, ADAPTER[i], changing(() => ""), "get");
}

const gl = [null, null]; // the browser's own, before anything was wrapped
function takeGl(ours) {
  return {
    __proto__: null,
    read: method(ours, "readPixels"),
    parameter: method(ours, "getParameter"),
    store: method(ours, "pixelStorei"),
    width: getter(ours, "drawingBufferWidth"),
    height: getter(ours, "drawingBufferHeight"),
  };
}

function installGl(theirs, ours, isSecond) {
  if (!theirs || !ours) return;
  const own = (gl[+isSecond] ||= takeGl(ours));
  const lay = (self, row, rows, pixels) => {
    if (!isSecond) return;
    own.store(self, PACK_ROW_LENGTH, row);
    own.store(self, PACK_SKIP_ROWS, rows);
    own.store(self, PACK_SKIP_PIXELS, pixels);
  };
  wrap(theirs.prototype, "getParameter", (original) => ({
    apply(target, self, args) {
      const value = apply(original, self, args);
      if (args[0] !== UNMASKED_VENDOR && args[0] !== UNMASKED_RENDERER && args[0] !== GL_RENDERER) return value;
      if (args[0] !== GL_RENDERER) count("webgl");
      return family(value, args[0]);
    },
  }));
  wrap(theirs.prototype, "readPixels", following((self, args) => {
    const out = args[6];
    if (typeof out !== "object" || !out || args[4] !== GL_RGBA || args[5] !== GL_BYTES) return;
    count("webgl");
    const w = args[2] | 0;
    const h = args[3] | 0;
    const sw = w + 2;
    if (w < 1 || h < 1) return;
    const rows = isSecond ? own.parameter(self, PACK_SKIP_ROWS) : 0;
    const pixels = isSecond ? own.parameter(self, PACK_SKIP_PIXELS) : 0;
    const length = isSecond ? own.parameter(self, PACK_ROW_LENGTH) : 0;
    const row = length || w;
    const begin = offsetOf(out) + (args[7] | 0) + (rows * row + pixels) * 4;
    const bytes = new Bytes(memoryOf(out), begin, ((h - 1) * row + w) * 4);
    if (!state.keys) return void fill(bytes, 0);
    const source = new Words(sw * (h + 2));
    lay(self, 0, 0, 0);
    own.read(self, (args[0] | 0) - 1, (args[1] | 0) - 1, sw, h + 2, GL_RGBA, GL_BYTES, new Octets(memoryOf(source)));
    lay(self, length, rows, pixels);
    const isScreen = own.parameter(self, GL_FRAMEBUFFER) === null;
    const left = isScreen ? 1 - (args[0] | 0) : 0;
    const top = isScreen ? 1 - (args[1] | 0) : 0;
    const right = isScreen ? left + own.width(self) : sw;
    const bottom = isScreen ? top + own.height(self) : h + 2;
    for (let y = 0; y < h; y++) {
      const line = new Bytes(memoryOf(bytes), begin + y * row * 4, w * 4);
      edgeNoise(state.keys.canvas, source, sw, left, top, right, bottom, 1, 1 + y, w, 1, line);
    }
  }));
}
