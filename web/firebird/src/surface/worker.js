// Dedicated workers whose script is a `blob:`: ours stands before theirs, in one new blob, so no policy of the page can
// mind it. Scripts from an address, shared workers and service workers tell the truth: a `blob:` before them has another
// base address, is refused by some policies (which would then be reported to the site), and shares nothing.

const blobs = new Map();
const blobType = getter(BlobOf, "type");
const makeUrl = uncurry(scope.URL && scope.URL.createObjectURL);

// What a worker runs first: all of this, with the keys of this document.
const prologue = () => `(${textOf(core)})(self, ${stringify(given)});`;

function installWorker(win) {
  wrap(win.URL, "createObjectURL", following((self, args, url) => {
    try {
      blobType(args[0]);
      mapSet(blobs, url, args[0]);
    } catch {} // a MediaSource
  }));
  wrap(win.URL, "revokeObjectURL", following((self, args) => mapDelete(blobs, `${args[0]}`)));
  wrap(win, "Worker", (original) => ({
    construct(target, args, newTarget) {
      const url = typeof args[0] === "string" ? args[0] : args[0] && `${args[0]}`;
      const blob = typeof url === "string" && mapGet(blobs, url);
      if (!blob || state.isOff || !given) return opened(construct(original, args, newTarget));
      const isModule = args[1] && args[1].type === "module";
      args[0] = isModule ? moduleOf(blob) : makeUrl(null, new BlobOf([prologue(), "\n", blob], { __proto__: null, type: "text/javascript" }));
      return construct(original, args, newTarget);
    },
  }));
  wrap(win, "SharedWorker", (original) => ({ construct: (target, args, newTarget) => opened(construct(original, args, newTarget)) }));
}

function opened(worker) {
  count("open worker");
  return worker;
}

// Imports are run in their order.
function moduleOf(blob) {
  const type = { __proto__: null, type: "text/javascript" };
  const first = makeUrl(null, new BlobOf([prologue()], type));
  const second = makeUrl(null, new BlobOf([blob], type));
  return makeUrl(null, new BlobOf([`import ${stringify(first)};\nimport ${stringify(second)};\n`], type));
}
