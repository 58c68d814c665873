// In the extension's own world, before the page: derives the keys of the site that the tab shows, and hands them to
// `main.js`, which runs next.
//
// The session's secret is, in Chromium, the host under which it offers our files: another at each start of the browser,
// the same on all sites, known at once. Firefox keeps that host for ever, so its secret is the order in which the
// background has registered sixteen of 256 files. Neither goes to a page.

const api = globalThis.browser ?? globalThis.chrome;
const token = hexOf(crypto.getRandomValues(new Uint32Array(4)));
let secret = sessionSecret();
let site = siteOfTop();
let isOff = false;
let how = "at once";

function sessionSecret() {
  const { protocol, hostname } = new URL(api.runtime.getURL("key.txt"));
  return protocol === "chrome-extension:" && hostname !== api.runtime.id ? hostname : null;
}

// Registrable domain of the document in the tab; null where this document cannot know it.
function siteOfTop() {
  const ancestors = location.ancestorOrigins;
  if (ancestors?.length) return siteOfOrigin(ancestors[ancestors.length - 1]);
  if (window === window.top) return location.hostname ? siteOf(location.hostname) : siteOfOrigin(origin);
  try {
    return siteOf(window.top.location.hostname) || siteOfOrigin(window.top.origin);
  } catch {
    return null;
  }
}

function siteOfOrigin(text) {
  try {
    return siteOf(new URL(text).hostname) || null;
  } catch {
    return null; // an opaque one
  }
}

function keyOf(name) {
  return hexOf(hmac(bytesOf(secret), (api.extension?.inIncognitoContext ? "private " : "") + name));
}

// Numbers below 256 as text of as many characters, whose bytes the HMAC's key has room for.
const packed = (numbers) => String.fromCharCode(...numbers.map((n) => 48 + n));
const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const hello = (event) => {
  event.stopImmediatePropagation();
  document.removeEventListener("firebird:hello", hello, true);
  tell("firebird:answer", token + (secret && site ? keyOf(site) : ""));
};
document.addEventListener("firebird:hello", hello, true);

// Asks the background for what could not be known at once.
async function ask() {
  const found = await api.runtime.sendMessage({ ask: "site" });
  if (!found?.host || (secret && site)) return;
  secret ??= found.order && packed(found.order);
  site ??= siteOf(found.host);
  how = "late";
  if (secret) tell(token, keyOf(site));
}
if (!site) ask().catch(() => (how = "never"));
else if (!secret) setTimeout(() => secret || ask().catch(() => (how = "never")));

globalThis.firebird = {
  // The order of the numbered files.
  order(numbers) {
    secret = packed(numbers);
    if (site) tell(token, keyOf(site));
  },
  // Gives this document its own functions back: where the site in the tab is the one that was switched off.
  off(isEverywhere) {
    let own = null;
    try {
      own = location.hostname ? siteOf(location.hostname) : siteOfOrigin(origin);
    } catch {}
    if (!isEverywhere && (!site || own !== site)) return;
    isOff = true;
    tell(token, "off");
  },
  // What was read in this document, for the popup.
  report() {
    let counts = "{}";
    const hear = (event) => (counts = event.detail);
    document.addEventListener(`${token}:counts`, hear);
    tell(token, "counts");
    document.removeEventListener(`${token}:counts`, hear);
    return { site, isOff, how: secret && site ? how : "never", counts: JSON.parse(counts) };
  },
};
