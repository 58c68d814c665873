// Realms of other documents that a script can reach before our own script has run there: each is changed before it is
// handed out. Frames are looked for after whatever may have put one in, and before the next script of the parser.

const seen = new WeakSet(); // windows
const INSERTING = {
  __proto__: null,
  Node: ["appendChild", "insertBefore", "replaceChild"],
  Element: ["append", "prepend", "before", "after", "replaceWith", "replaceChildren", "insertAdjacentElement", "insertAdjacentHTML", "setHTMLUnsafe"],
  Document: ["append", "prepend", "replaceChildren", "write", "writeln", "execCommand"],
  DocumentFragment: ["append", "prepend", "replaceChildren"],
  CharacterData: ["before", "after", "replaceWith"],
  Range: ["insertNode", "surroundContents"],
};
const SETTING = { __proto__: null, Element: ["innerHTML", "outerHTML"], ShadowRoot: ["innerHTML"] };
const HOLDERS = ["HTMLIFrameElement", "HTMLFrameElement", "HTMLObjectElement", "HTMLEmbedElement"];
const ObserverOf = scope.MutationObserver;
const observe = method(ObserverOf, "observe");
const [ownerOf, viewOf] = [getter(scope.Node, "ownerDocument"), getter(scope.Document, "defaultView")];
// Whether a function is a wrapper of ours: of another document, but of the same site and session.
function isMarked(encode) {
  try {
    return apply(encode, state, [state.mark]) === state.mark;
  } catch {
    return false;
  }
}

const isOurs = (win) => isMarked(win.HTMLCanvasElement.prototype.toDataURL);

// Changes a window's realm, unless it is another site's or has been changed already.
function enter(win) {
  if (!win || state.isOff || setHas(seen, win)) return win;
  try {
    if (!win.document) return win;
  } catch {
    return win;
  }
  if (!(state.mark && isOurs(win))) install(win);
  else setAdd(seen, win);
  return win;
}

// Windows of frames within `win`.
function enterAll(win) {
  const n = win.length;
  for (let i = 0; i < n; i++) enter(win[i]);
}

function installFrame(win) {
  const page = win.document;
  const look = following((self) => {
    if (win.length) enterAll(win);
    try {
      const owner = ownerOf(self) || self;
      const view = owner === page ? null : viewOf(owner);
      if (view && view.length) enterAll(view);
    } catch {} // a Range
  });
  for (const type in INSERTING) {
    const prototype = win[type] && win[type].prototype;
    for (let i = 0; i < INSERTING[type].length; i++) wrap(prototype, INSERTING[type][i], look);
  }
  for (const type in SETTING) {
    const prototype = win[type] && win[type].prototype;
    for (let i = 0; i < SETTING[type].length; i++) wrap(prototype, SETTING[type][i], look, "set");
  }
  for (let i = 0; i < HOLDERS.length; i++) {
    const prototype = win[HOLDERS[i]] && win[HOLDERS[i]].prototype;
    wrap(prototype, "contentWindow", changing(enter), "get");
    wrap(prototype, "contentDocument", changing(enterDocument), "get");
    wrap(prototype, "getSVGDocument", changing(enterDocument));
  }
  wrap(win, "open", changing(enter));
  // The parser runs what waits for changes before it runs a script.
  const observer = new ObserverOf(() => (win.length && !state.isOff ? enterAll(win) : undefined));
  observe(observer, page, { __proto__: null, childList: true, subtree: true });
}

function enterDocument(found) {
  if (found) enter(viewOf(found));
  return found;
}
