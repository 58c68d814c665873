// What is installed where, and how the keys come.
//
// The extension's own world has listened before us: it answers `firebird:hello` at once with a token and, where it has
// them, the keys. No script of the page runs between, and later ones must know the token.

const textOf = method(Function, "toString");
const stringify = JSON.stringify;
const slice = method(String, "slice");
const SURFACES = ["canvas", "audio", "choice"];
let given = "";

// From the site's key, 64 hexadecimal digits: four words for each surface, and the mark.
function take(key) {
  given = key;
  const words = new Words(8);
  for (let i = 0; i < 8; i++) words[i] = +`0x${slice(key, i * 8, i * 8 + 8)}`;
  const found = { __proto__: null };
  for (let i = 0; i <= SURFACES.length; i++) {
    const part = new Words(4);
    for (let j = 0; j < 4; j++) part[j] = prf(words, words[4], words[5], words[6], words[7], i * 4 + j);
    if (i < SURFACES.length) found[SURFACES[i]] = part;
    else state.mark = `${part[0]} ${part[1]} ${part[2]} ${part[3]}`;
  }
  state.keys = found;
}

function install(win) {
  setAdd(seen, win);
  installCanvas(win);
  if (isFirst(win)) installWebgl(win);
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
