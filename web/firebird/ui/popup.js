// What the page in front reads, what stays open there, and the level of its site. Counts come from the page's frames when
// they are asked for; nobody keeps them.

const api = globalThis.browser ?? globalThis.chrome;
const show = (id, text) => (document.getElementById(id).textContent = text);
const WORDS = {
  canvas: "canvas", webgl: "WebGL", audio: "audio", cores: "number of cores", memory: "memory", battery: "battery", devices: "media devices", voices: "voices",
};
const isFirefox = api.runtime.getURL("").startsWith("moz-");

async function tabInFront() {
  // The tests open this page in a tab and name the one to look at.
  const named = Number(new URLSearchParams(location.search).get("tab"));
  if (named) return api.tabs.get(named);
  return (await api.tabs.query({ active: true, currentWindow: true }))[0];
}

async function reports(tab) {
  try {
    const target = { tabId: tab.id, allFrames: true };
    const found = await api.scripting.executeScript({ target, func: () => globalThis.firebird?.report() });
    return found.map(({ result }) => result).filter(Boolean);
  } catch {
    return [];
  }
}

function list(id, lines, nothing) {
  document.getElementById(id).replaceChildren(
    ...(lines.length ? lines : [nothing]).map((line) => Object.assign(document.createElement("li"), { textContent: line })),
  );
}

// "canvas 3×: https://a.example 2×, https://b.example 1×" for each surface.
function reads(frames) {
  const sums = new Map();
  for (const { counts } of frames) {
    for (const [surface, { n, by }] of Object.entries(counts)) {
      const sum = sums.get(surface) ?? { n: 0, by: new Map() };
      sum.n += n;
      for (const [script, times] of Object.entries(by)) sum.by.set(script, (sum.by.get(script) ?? 0) + times);
      sums.set(surface, sum);
    }
  }
  return sums;
}

function gaps(frames, sums) {
  const lines = [];
  const workers = sums.get("open worker")?.n ?? 0;
  if (workers) lines.push(workers === 1 ? "1 worker from an address, which sees the true machine" : `${workers} workers from an address, which see the true machine`);
  const n_late = frames.filter(({ how, isOff }) => how !== "at once" && !isOff).length;
  if (n_late) lines.push(`${n_late} frame${n_late > 1 ? "s" : ""} got no key at first: reads there came back empty until it came`);
  lines.push("service workers, shared workers, style sheets and fonts see the true machine everywhere");
  return lines;
}

async function render() {
  show("stronger", isFirefox ? "Firefox's own fingerprinting protection (privacy.resistFingerprinting) is stronger, if you can live with what it breaks." : "");
  const tab = await tabInFront();
  const settings = await api.runtime.sendMessage({ ask: "settings" });
  const frames = await reports(tab);
  const site = frames.find((frame) => frame.site)?.site;
  const button = document.getElementById("level");
  if (!site) {
    show("state", "No extension works on this page, or it was open before this one was installed: reload it.");
    list("reads", [], "nothing");
    list("gaps", [], "everything");
    show("level", "Off here");
    return;
  }
  const isListed = settings.off.includes(site);
  const isOff = settings.isOffEverywhere || isListed;
  show("state", isOff ? `Off for ${site}: its pages see the true machine.` : `Standard for ${site}: its pages see a changed machine.`);
  if (!settings.isWhole) show("state", "The stored settings were damaged: what was not understood is left out.");
  show("level", isListed ? "Switch on here" : "Switch off here");
  button.disabled = settings.isOffEverywhere;
  button.onclick = async () => {
    button.disabled = true;
    await api.runtime.sendMessage({ ask: "level", site, isOff: !isListed });
    await api.tabs.reload(tab.id);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await render();
  };
  const sums = reads(frames);
  const origins = (by) => [...by].map(([script, n]) => `${script === "?" ? "unknown script" : script} ${n}×`).join(", ");
  list("reads", [...sums].filter(([surface]) => WORDS[surface]).map(([surface, { n, by }]) => `${WORDS[surface]} ${n}×: ${origins(by)}`), "nothing yet");
  list("gaps", isOff ? ["everything: it is off"] : gaps(frames, sums), "nothing");
}

document.getElementById("identity").onclick = async () => {
  show("state", "From now on sites see another machine. Open pages keep theirs until they are reloaded.");
  await api.runtime.sendMessage({ ask: "identity" });
};
render();
