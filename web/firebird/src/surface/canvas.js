// 2D canvases: reads of those that hold text, curves, gradients or shadows come back with noise at their edges.
// A flag says that a canvas holds such; it goes along with drawImage, patterns and bitmaps. The canvas that is seen is
// never written to.

const flagged = new WeakSet(); // canvases
const flat = new WeakSet(); // canvases without a 2D context, which are read through a copy
const clean = new WeakSet(); // bitmaps made of what bears no flag; all others bear one
const FLAGGING = [
  "fillText", "strokeText", "arc", "arcTo", "ellipse", "bezierCurveTo", "quadraticCurveTo", "roundRect",
  "createLinearGradient", "createRadialGradient", "createConicGradient",
];
const FLAGGING_SET = ["shadowBlur", "shadowColor", "shadowOffsetX", "shadowOffsetY", "filter"];
const FLAGGING_PATH = ["fill", "stroke", "clip"]; // with a Path2D, whose curves nobody counts
const PICTURE = /^data:image\/svg|\.svgz?(?:$|[?#])/i;

const kind = (canvas, context) =>
  canvas && {
    __proto__: null,
    width: getter(canvas, "width"),
    height: getter(canvas, "height"),
    getContext: method(canvas, "getContext"),
    canvasOf: getter(context, "canvas"),
    read: method(context, "getImageData"),
    write: method(context, "putImageData"),
    draw: method(context, "drawImage"),
  };
// What is called of the browser's own, taken when the first canvas of the document gets a context; in the document of a
// tab at once.
let Offscreen, shown, hidden, setWidth, setHeight, imageData, imageWidth, imageHeight, imageSpace, imageFormat, pictureSource, videoStream, errorName;
const createElement = scope.document && uncurry(scope.document.createElement);
function takeCanvas() {
  const { HTMLCanvasElement, ImageData } = scope;
  Offscreen = scope.OffscreenCanvas;
  shown = kind(HTMLCanvasElement, scope.CanvasRenderingContext2D);
  hidden = kind(Offscreen, scope.OffscreenCanvasRenderingContext2D);
  setWidth = getter(HTMLCanvasElement, "width", "set");
  setHeight = getter(HTMLCanvasElement, "height", "set");
  imageData = getter(ImageData, "data");
  imageWidth = getter(ImageData, "width");
  imageHeight = getter(ImageData, "height");
  imageSpace = getter(ImageData, "colorSpace") || (() => "srgb");
  imageFormat = getter(ImageData, "pixelFormat") || (() => "");
  pictureSource = getter(scope.HTMLImageElement, "currentSrc");
  videoStream = getter(scope.HTMLMediaElement, "srcObject");
  errorName = getter(scope.DOMException, "name");
}

function kindOf(canvas) {
  try {
    hidden.width(canvas);
    return hidden;
  } catch {
    return shown;
  }
}

// A new canvas with its context, an element or not.
function blank(w, h, isElement, colorSpace = "srgb") {
  const canvas = isElement || !hidden ? createElement(scope.document, "canvas") : new Offscreen(w, h);
  const is = isElement || !hidden ? shown : hidden;
  if (is === shown) {
    setWidth(canvas, w);
    setHeight(canvas, h);
  }
  return { __proto__: null, canvas, is, context: is.getContext(canvas, "2d", { __proto__: null, colorSpace, willReadFrequently: true }) };
}

// Bytes as words, in memory of their own.
function wordsOf(bytes, n) {
  const buffer = new Buffer(n * 4);
  copyInto(new Bytes(buffer), bytes);
  return new Words(buffer);
}

// Changes `real`, what `context` gave for the rectangle at `x`, `y` of the canvas.
function change(real, is, context, canvas, x, y) {
  const w = imageWidth(real);
  const h = imageHeight(real);
  const data = imageData(real);
  if (!state.keys) return void fill(data, 0);
  const colorSpace = imageSpace(real) || "srgb";
  const settings = { __proto__: null, colorSpace };
  const isFloat = imageFormat(real) === "rgba-float16";
  const bytes = isFloat ? imageData(is.read(context, x, y, w, h, settings)) : data;
  const width = is.width(canvas);
  const height = is.height(canvas);
  // Pixels at the rim have neighbours outside, unless the canvas ends there.
  const rim = x <= 0 && y <= 0 && x + w >= width && y + h >= height ? 0 : 1;
  const around = rim ? imageData(is.read(context, x - 1, y - 1, w + 2, h + 2, settings)) : bytes;
  const sw = w + 2 * rim;
  const source = wordsOf(around, sw * (h + 2 * rim));
  const left = rim - x;
  const top = rim - y;
  const isSemi = edgeNoise(state.keys.canvas, source, sw, left, top, left + width, top + height, rim, rim, w, h, bytes);
  if (isSemi) {
    const copy = blank(w, h, false, colorSpace);
    const image = isFloat ? is.read(context, x, y, w, h, settings) : real;
    if (isFloat) copyInto(imageData(image), bytes);
    copy.is.write(copy.context, image, 0, 0);
    copyInto(bytes, imageData(copy.is.read(copy.context, 0, 0, w, h, settings)));
  }
  if (isFloat) for (let i = 0; i < w * h * 4; i++) data[i] = bytes[i] / 255;
}

// A canvas to be encoded in the place of `canvas`; null where that may be encoded itself.
function copyOf(canvas, isElement) {
  if (!setHas(flagged, canvas)) return null;
  const is = kindOf(canvas);
  const w = is.width(canvas);
  const h = is.height(canvas);
  if (!w || !h) return null;
  const isFlat = setHas(flat, canvas);
  count(isFlat ? "webgl" : "canvas");
  const copy = blank(w, h, isElement);
  if (!state.keys) return copy.canvas;
  try {
    if (isFlat) copy.is.draw(copy.context, canvas, 0, 0);
    const from = isFlat ? copy : { __proto__: null, canvas, is, context: is.getContext(canvas, "2d") };
    const real = from.is.read(from.context, 0, 0, w, h);
    change(real, from.is, from.context, from.canvas, 0, 0);
    copy.is.write(copy.context, real, 0, 0);
    return copy.canvas;
  } catch (error) {
    // What may not be read fails in the browser's own words; where memory ran out, nothing is told.
    return isOfPage(error) ? null : blank(w, h, isElement).canvas;
  }
}

function isOfPage(error) {
  try {
    return errorName(error) === "SecurityError";
  } catch {
    return false;
  }
}

// Whether what was drawn may show how this machine draws.
function mayTell(source, types) {
  if (setHas(flagged, source)) return true;
  if (setHas(clean, source)) return false;
  try {
    const type = getPrototypeOf(source);
    if (type === types.canvas) return shown.width(source) < 0;
    if (type === types.offscreen) return hidden.width(source) < 0;
    if (type === types.picture) return matches(PICTURE, pictureSource(source));
    if (type === types.video) return videoStream(source) !== null;
    return type !== types.data && type !== types.blob && type !== types.file;
  } catch {
    return true;
  }
}

const typesOf = new WeakMap(); // window: prototypes of what can be drawn
// Changes the contexts of a realm, before its first context is handed out.
function prepare(win) {
  let types = typeOf(typesOf, win);
  if (types || state.isOff) return types;
  if (!shown && !hidden) takeCanvas();
  const prototype = (name) => win[name] && win[name].prototype;
  types = {
    __proto__: null,
    canvas: prototype("HTMLCanvasElement"), offscreen: prototype("OffscreenCanvas"), picture: prototype("HTMLImageElement"),
    video: prototype("HTMLVideoElement"), data: prototype("ImageData"), blob: prototype("Blob"), file: prototype("File"),
  };
  keepType(typesOf, win, types);
  installContext(prototype("CanvasRenderingContext2D"), shown, types);
  installContext(prototype("OffscreenCanvasRenderingContext2D"), hidden, types);
  const canvasOf = getter(scope.ImageBitmapRenderingContext, "canvas");
  wrap(prototype("ImageBitmapRenderingContext"), "transferFromImageBitmap", following((self, args) => {
    if (args[0] && !setHas(clean, args[0])) flag(canvasOf(self), true);
  }));
  return types;
}

function installCanvas(win) {
  const canvas = win.HTMLCanvasElement && win.HTMLCanvasElement.prototype;
  const offscreen = win.OffscreenCanvas && win.OffscreenCanvas.prototype;
  const preparing = following((self, args, result) => {
    if (!result) return;
    prepare(win);
    if (!matches(/webg/, `${args[0]}`)) return;
    flag(self, true);
    installWebgl(win);
  });
  wrap(canvas, "getContext", preparing);
  wrap(offscreen, "getContext", preparing);
  const encoding = (isElement) => (original) => ({
    apply: (target, self, args) => apply(original, (setHas(flagged, self) && copyOf(self, isElement)) || self, args),
  });
  wrap(canvas, "toDataURL", (original) => {
    state.below ||= original;
    const { apply: encode } = encoding(true)(original);
    // Asked by our like whether somebody has been here.
    return { apply: (target, self, args) => (state.mark && args[0] === state.mark ? state.mark : encode(target, self, args)) };
  });
  wrap(canvas, "toBlob", encoding(true));
  wrap(offscreen, "convertToBlob", encoding(false));
  wrap(canvas, "transferControlToOffscreen", following((self) => flag(self, true)));
  wrap(offscreen, "transferToImageBitmap", (original) => ({
    apply(target, self, args) {
      const bitmap = apply(original, self, args);
      if (!setHas(flagged, self)) setAdd(clean, bitmap);
      return bitmap;
    },
  }));
  wrap(win, "createImageBitmap", following((self, args, promise) => {
    const types = prepare(win);
    if (types && !mayTell(args[0], types)) then(promise, (bitmap) => setAdd(clean, bitmap), () => undefined);
  }));
  if (isFirst(win)) prepare(win);
}

function covers(args, is, canvas) {
  const image = args[0];
  const isAtStart = args[1] === 0 && args[2] === 0;
  return isAtStart && imageWidth(image) >= is.width(canvas) && imageHeight(image) >= is.height(canvas);
}

function flag(canvas, isFlat) {
  setAdd(flagged, canvas);
  if (isFlat) setAdd(flat, canvas);
}

function installContext(context, is, types) {
  if (!context) return;
  const flagging = following((self) => setAdd(flagged, is.canvasOf(self)));
  for (let i = 0; i < FLAGGING.length; i++) wrap(context, FLAGGING[i], flagging);
  for (let i = 0; i < FLAGGING_SET.length; i++) wrap(context, FLAGGING_SET[i], flagging, "set");
  for (let i = 0; i < FLAGGING_PATH.length; i++) {
    wrap(context, FLAGGING_PATH[i], following((self, args) => {
      if (args.length && typeof args[0] === "object") setAdd(flagged, is.canvasOf(self));
    }));
  }
  const inheriting = following((self, args) => {
    const canvas = is.canvasOf(self);
    if (!setHas(flagged, canvas) && mayTell(args[0], types)) setAdd(flagged, canvas);
  });
  wrap(context, "drawImage", inheriting);
  wrap(context, "createPattern", inheriting);
  // What is put over all of it the page knows already.
  wrap(context, "putImageData", following((self, args) => {
    const canvas = is.canvasOf(self);
    if (args.length < 4 && setHas(flagged, canvas) && covers(args, is, canvas)) setDelete(flagged, canvas);
  }));
  wrap(context, "getImageData", (original) => ({
    apply(target, self, args) {
      // Numbers are made once: an object that counts must not see a second time.
      for (let i = 0; i < 4 && i < args.length; i++) if (typeof args[i] !== "number") args[i] = +args[i];
      const real = apply(original, self, args);
      const canvas = is.canvasOf(self);
      if (!setHas(flagged, canvas)) return real;
      count("canvas");
      change(real, is, self, canvas, trunc(args[0]) + (args[2] < 0 ? trunc(args[2]) : 0), trunc(args[1]) + (args[3] < 0 ? trunc(args[3]) : 0));
      return real;
    },
  }));
}
