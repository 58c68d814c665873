// What is installed where, and how the keys come.
//
// The extension's own world has listened before us: it answers `firebird:hello` at once with a token and, where it has
// them, the keys. No script of the page runs between, and later ones must know the token.

const source = apply(Function.prototype.toString, core, []);
const stringify = JSON.stringify;
const slice = method(String, "slice");
const SURFACES = ["canvas", "audio", "choice"];
let given = "";

// Keys as 4 × 8 hexadecimal digits for each surface, then the mark.
function take(keys) {
  given = keys;
  const found = { __proto__: null };
  for (let i = 0; i < SURFACES.length; i++) {
    const words = new Words(4);
    for (let j = 0; j < 4; j++) words[j] = +`0x${slice(keys, (i * 4 + j) * 8, (i * 4 + j + 1) * 8)}`;
    found[SURFACES[i]] = words;
  }
  state.mark = slice(keys, SURFACES.length * 32);
  state.keys = found;
}

function install(win) {
  setAdd(seen, win);
  installCanvas(win);
  installWebgl(win);
  installAudio(win);
  installNavigator(win);
  installWorker(win);
  if (win.document) installFrame(win);
}

// In the page's own realm; a worker and the probe page hand the keys over.
function begin() {
  if (handed) {
    take(handed);
    return install(scope);
  }
  const page = scope.document;
  const dispatch = uncurry(page.dispatchEvent);
  const on = uncurry(page.addEventListener);
  const off = uncurry(page.removeEventListener);
  const detailOf = getter(scope.CustomEvent, "detail");
  const EventOf = scope.CustomEvent;
  let answer = "";
  const listen = (event) => (answer = detailOf(event));
  on(page, "firebird:answer", listen, true);
  dispatch(page, new EventOf("firebird:hello"));
  off(page, "firebird:answer", listen, true);
  const token = slice(answer, 0, 32);
  if (answer.length > 32) take(slice(answer, 32));
  // A realm that another document of this site has changed already keeps what it has.
  if (state.mark && isOurs(scope)) state.isOff = true;
  else install(scope);
  if (!token) return;
  on(page, token, (event) => {
    silence(event);
    const detail = detailOf(event);
    if (detail === "counts") return dispatch(page, new EventOf(`${token}:counts`, { __proto__: null, detail: stringify(counts) }));
    if (detail === "off") return unwrapAll();
    if (state.keys || typeof detail !== "string") return;
    take(detail);
    if (isMarked(state.below)) unwrapAll();
  }, true);
}

begin();
