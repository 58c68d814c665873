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

function installWebgl(win) {
  installGl(win.WebGLRenderingContext, scope.WebGLRenderingContext, false);
  installGl(win.WebGL2RenderingContext, scope.WebGL2RenderingContext, true);
  const info = win.GPUAdapterInfo && win.GPUAdapterInfo.prototype;
  for (let i = 0; i < ADAPTER.length; i++) wrap(info, ADAPTER[i], changing(() => ""), "get");
}

function installGl(theirs, ours, isSecond) {
  if (!theirs || !ours) return;
  const read = method(ours, "readPixels");
  const parameter = method(ours, "getParameter");
  const store = method(ours, "pixelStorei");
  const width = getter(ours, "drawingBufferWidth");
  const height = getter(ours, "drawingBufferHeight");
  const lay = (self, row, rows, pixels) => {
    if (!isSecond) return;
    store(self, PACK_ROW_LENGTH, row);
    store(self, PACK_SKIP_ROWS, rows);
    store(self, PACK_SKIP_PIXELS, pixels);
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
    const rows = isSecond ? parameter(self, PACK_SKIP_ROWS) : 0;
    const pixels = isSecond ? parameter(self, PACK_SKIP_PIXELS) : 0;
    const length = isSecond ? parameter(self, PACK_ROW_LENGTH) : 0;
    const row = length || w;
    const begin = offsetOf(out) + (args[7] | 0) + (rows * row + pixels) * 4;
    const bytes = new Bytes(memoryOf(out), begin, ((h - 1) * row + w) * 4);
    if (!state.keys) return void fill(bytes, 0);
    const source = new Words(sw * (h + 2));
    lay(self, 0, 0, 0);
    read(self, (args[0] | 0) - 1, (args[1] | 0) - 1, sw, h + 2, GL_RGBA, GL_BYTES, new Octets(memoryOf(source)));
    lay(self, length, rows, pixels);
    const isScreen = parameter(self, GL_FRAMEBUFFER) === null;
    const left = isScreen ? 1 - (args[0] | 0) : 0;
    const top = isScreen ? 1 - (args[1] | 0) : 0;
    const right = isScreen ? left + width(self) : sw;
    const bottom = isScreen ? top + height(self) : h + 2;
    for (let y = 0; y < h; y++) {
      const line = new Bytes(memoryOf(bytes), begin + y * row * 4, w * 4);
      edgeNoise(state.keys.canvas, source, sw, left, top, right, bottom, 1, 1 + y, w, 1, line);
    }
  }));
}
