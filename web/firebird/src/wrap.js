// How a native function is replaced, and put back. What pages can reach they can also replace, so everything that runs
// after a page's first script uses what was taken at the start (`uncurry`), no iterators and no array methods.

const { apply, construct, defineProperty, getOwnPropertyDescriptor, getPrototypeOf } = Reflect;
const { imul, trunc } = Math;
const ProxyOf = Proxy;
const uncurry = (f) => f && ((self, ...rest) => apply(f, self, rest));
const getter = (type, name, part = "get") => {
  const found = type && getOwnPropertyDescriptor(type.prototype, name);
  return found && uncurry(found[part]);
};
const method = (type, name) => uncurry(type && type.prototype[name]);

const [setHas, setAdd, setDelete, mapHas, mapGet, mapSet, mapDelete] = [
  method(WeakSet, "has"), method(WeakSet, "add"), method(WeakSet, "delete"), method(Map, "has"), method(Map, "get"), method(Map, "set"), method(Map, "delete"),
];
const typeOf = method(WeakMap, "get");
const keepType = method(WeakMap, "set");
const then = method(Promise, "then");
const matches = (pattern, text) => exec(pattern, text) !== null;
const exec = method(RegExp, "exec");
const fill = method(Uint8ClampedArray, "fill");
const copyInto = method(Uint8ClampedArray, "set");
const [Bytes, Words, Floats, Buffer, BlobOf, ErrorOf, PromiseOf] = [Uint8ClampedArray, Uint32Array, Float32Array, ArrayBuffer, scope.Blob, Error, Promise];

// The keys of this document's site, four words for each surface; null until they are known, and then reads that would
// tell of the machine are answered with nothing.
const state = { __proto__: null, keys: null, mark: "", below: null, isOff: false, first: null, undo: null };
const counts = { __proto__: null };

// Whether all is installed at once: in the document of a tab. In frames and workers, of which there can be many, what
// takes long waits for its first use.
const isFirst = (win) => win.document && win === win.top;

// Replaces `owner[name]` (its `part`: value, get or set) by a Proxy with the `apply` or `construct` that `make` gives.
function wrap(owner, name, make, part = "value") {
  const found = owner && getOwnPropertyDescriptor(owner, name);
  const original = found && found[part];
  if (typeof original !== "function" || !found.configurable) return;
  const wrapper = new ProxyOf(original, { __proto__: null, ...make(original) });
  defineProperty(owner, name, { __proto__: null, ...found, [part]: wrapper });
  state.undo = { __proto__: null, owner, name, found, next: state.undo };
}

// Puts everything back as it was.
function unwrapAll() {
  state.isOff = true;
  for (let each = state.undo; each; each = each.next) defineProperty(each.owner, each.name, { __proto__: null, ...each.found });
  state.undo = null;
}

// A wrapper that runs the native function, and then `after(self, args, result)`.
const following = (after) => (original) => ({
  apply(target, self, args) {
    const result = apply(original, self, args);
    after(self, args, result);
    return result;
  },
});

// A wrapper whose answer is what `change` makes of the native one.
const changing = (change) => (original) => ({ apply: (target, self, args) => change(apply(original, self, args), self) });

// Counts a read, and whose script it was where that is cheap to know.
function count(surface) {
  const entry = (counts[surface] ||= { __proto__: null, n: 0, by: { __proto__: null }, n_by: 0 });
  entry.n++;
  if (entry.n > 32 || entry.n_by > 8) return;
  const script = origin();
  if (!entry.by[script]) entry.n_by++;
  entry.by[script] = (entry.by[script] || 0) + 1;
}

// Origin of the first script on the stack, unless the page could see us look.
function origin() {
  if (getOwnPropertyDescriptor(ErrorOf, "prepareStackTrace")) return "?";
  const { stack } = new ErrorOf();
  const found = typeof stack === "string" && exec(/\bhttps?:\/\/[^/\s:]+(?::\d+)?(?=\/)/, stack);
  return found ? found[0] : "?";
}
