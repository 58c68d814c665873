// Keeps the settings, registers what content scripts depend on them, and answers frames that cannot see the tab's site.

const api = globalThis.browser ?? globalThis.chrome;
const N_FILES = 256;
// 256 · 255 · … · 241 > 2^127 orders; each frame runs them all.
const N_REGISTERED = 16;
const SITES_MAX = 2000;
const isFirefox = api.runtime.getURL("").startsWith("moz-");
const SCRIPT = { runAt: "document_start", allFrames: true, matchOriginAsFallback: true };

// Settings as they were stored, field by field; what is not understood is left out and told.
async function settings() {
  const { off, isOffEverywhere } = await api.storage.local.get(["off", "isOffEverywhere"]);
  const isName = (name) => typeof name === "string" && /^[a-z0-9._[\]:-]{1,253}$/.test(name);
  const names = Array.isArray(off) ? off.filter(isName).slice(0, SITES_MAX) : [];
  const isWhole = (off === undefined || (Array.isArray(off) && off.length === names.length)) && [undefined, true, false].includes(isOffEverywhere);
  return { off: names, isOffEverywhere: isOffEverywhere === true, isWhole };
}

const isAddress = (name) => /^[\d.]+$|[:[]/.test(name) || !name.includes(".");
const patternOf = (name) => `*://${isAddress(name) ? "" : "*."}${name}/*`;

// Has `scripts` registered, and no others under their names.
async function register(ids, scripts) {
  const known = await api.scripting.getRegisteredContentScripts({ ids });
  if (known.length) await api.scripting.unregisterContentScripts({ ids: known.map((script) => script.id) });
  if (scripts.length) await api.scripting.registerContentScripts(scripts.map((script) => ({ ...SCRIPT, ...script })));
}

async function apply() {
  const { off, isOffEverywhere } = await settings();
  const scripts = [];
  if (isOffEverywhere) scripts.push({ id: "off", matches: ["<all_urls>"], js: ["off-everywhere.js"] });
  else if (off.length) scripts.push({ id: "off", matches: off.map(patternOf), js: ["off.js"] });
  await register(["off"], scripts);
}

// The secret of a session in Firefox: which files are registered, and in which order.
async function order(isNew) {
  const [known] = await api.scripting.getRegisteredContentScripts({ ids: ["order"] });
  if (known && !isNew) return known.js.slice(0, N_REGISTERED).map((path) => +/\d+/.exec(path)[0]);
  const all = Array.from({ length: N_FILES }, (_, i) => i);
  const numbers = Array.from({ length: N_REGISTERED }, () => all.splice(below(all.length), 1)[0]);
  const files = numbers.map((n) => `order/n${String(n).padStart(3, "0")}.js`);
  await register(["order"], [{ id: "order", matches: ["<all_urls>"], js: [...files, "order.js"], persistAcrossSessions: false }]);
  return numbers;
}

// A number below `n`, all equally likely.
function below(n) {
  for (;;) {
    const [bits] = crypto.getRandomValues(new Uint32Array(1));
    if (bits < 2 ** 32 - (2 ** 32 % n)) return bits % n;
  }
}

let work = Promise.resolve();
const inTurn = (step) => (work = work.then(step, step));

async function answer(message, sender) {
  if (sender.id !== api.runtime.id) return undefined;
  if (message?.ask === "site" && sender.tab?.url) {
    const numbers = isFirefox ? await inTurn(() => order(false)) : null;
    return { host: new URL(sender.tab.url).hostname, order: numbers };
  }
  // The rest comes from our own pages alone.
  if (!sender.url?.startsWith(api.runtime.getURL("ui/")) && !sender.url?.startsWith(`${location.origin}/ui/`)) return undefined;
  const { off, isOffEverywhere, isWhole } = await settings();
  if (message?.ask === "settings") return { off, isOffEverywhere, isWhole };
  if (message?.ask === "level" && typeof message.site === "string") {
    const rest = off.filter((name) => name !== message.site);
    await api.storage.local.set({ off: message.isOff ? [...rest, message.site] : rest });
  } else if (message?.ask === "everywhere") {
    await api.storage.local.set({ isOffEverywhere: message.isOff === true });
  } else if (message?.ask === "identity") {
    if (isFirefox) await inTurn(() => order(true));
    else setTimeout(() => api.runtime.reload(), 100);
  }
  await inTurn(apply);
  return { isDone: true };
}

api.runtime.onMessage.addListener((message, sender, reply) => {
  answer(message, sender).then(reply, (error) => reply({ error: String(error) }));
  return true;
});
for (const event of [api.runtime.onInstalled, api.runtime.onStartup]) event.addListener(() => inTurn(apply));
if (isFirefox) inTurn(() => order(false));
