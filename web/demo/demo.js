// The page of a model that runs in it: where it comes from, a chat, its speed, and what the browser keeps.

import { TrinityError, load, storage } from "./index.js";

const element = (id) => document.getElementById(id);

let model = null;
let loading = null;
let answer = null;
let messages = [];

function bytesText(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function problem(error) {
  if (!error) return void (element("problem").textContent = "");
  const kind = error instanceof TrinityError ? error.kind : "bug";
  element("problem").textContent = `${kind}: ${error.message}`;
}

async function open(source, options = {}) {
  await close();
  problem(null);
  loading?.abort();
  const controller = new AbortController();
  loading = controller;
  element("loading").hidden = false;
  try {
    const contextLength = Number(element("context").value) || undefined;
    const loaded = await load({
      source,
      contextLength,
      ...options,
      signal: controller.signal,
      onProgress: ({ phase, bytes, total }) => {
        element("phase").textContent = `${phase} ${bytesText(bytes)}${total ? ` of ${bytesText(total)}` : ""}`;
        if (total) element("progress").value = bytes / total;
        else element("progress").removeAttribute("value");
      },
      onEvent: ({ why }) => problem(new TrinityError("storage", `the model is not kept: ${why}`)),
    });
    if (loading !== controller) return void loaded.close();
    model = loaded;
    show();
  } catch (error) {
    if (error.kind !== "aborted") problem(error);
  } finally {
    if (loading === controller) {
      loading = null;
      element("loading").hidden = true;
    }
    await list();
  }
}

async function close() {
  answer?.abort();
  answer = null;
  await model?.close();
  model = null;
  clear();
  show();
}

function show() {
  const rows = model
    ? {
        name: model.info.name,
        architecture: `${model.info.architecture}, ${model.info.fileType}`,
        parameters: `${(model.info.nParameters / 1e6).toFixed(1)} million`,
        context: `${model.info.contextLength} tokens`,
        file: `${bytesText(model.info.bytes)}, SHA-256 ${model.info.sha256}`,
        threads: `${model.info.threads.count} (${model.info.threads.why})`,
        kept: model.info.storage.kind === "opfs" ? "in this browser" : `no: ${model.info.storage.why}`,
        instructions: model.info.isa,
      }
    : {};
  element("info").replaceChildren(
    ...Object.entries(rows).flatMap(([name, value]) => {
      const [term, text] = [document.createElement("dt"), document.createElement("dd")];
      [term.textContent, text.textContent] = [name, value];
      return [term, text];
    }),
  );
  element("close").hidden = !model;
  for (const id of ["text", "send", "clear"]) element(id).disabled = !model;
  document.body.dataset.model = model ? model.info.sha256 : "";
}

function button(text, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = text;
  made.addEventListener("click", act);
  return made;
}

async function list() {
  const items = (await storage.list()).map((entry) => {
    const item = document.createElement("li");
    item.append(`${entry.name}, ${bytesText(entry.bytes)}`);
    item.append(
      button("Load", () => open(`opfs:${entry.sha256}`)),
      button("Save as file", () => save(entry)),
      button("Remove", async () => {
        await storage.remove(entry.sha256);
        await list();
      }),
    );
    return item;
  });
  element("stored").replaceChildren(...items);
  const estimate = await storage.estimate();
  const room = estimate && `${bytesText(estimate.usage)} used of ${bytesText(estimate.quota)}`;
  element("room").textContent = room ? `${room}${estimate.persisted ? ", kept until you remove it" : ""}` : "This browser keeps nothing here.";
  element("persist").hidden = !estimate || estimate.persisted;
}

async function save(entry) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await storage.export(entry.sha256));
  link.download = entry.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function clear() {
  messages = [];
  element("messages").replaceChildren();
  element("speed").textContent = "";
}

function bubble(role, text) {
  const made = document.createElement("div");
  made.className = `message ${role}`;
  made.textContent = text;
  element("messages").append(made);
  return made;
}

async function send(text) {
  messages.push({ role: "user", content: text });
  bubble("user", text);
  const shown = bubble("assistant", "");
  const asked = model;
  for (const id of ["send", "clear"]) element(id).disabled = true;
  element("stop").disabled = false;
  try {
    answer = asked.info.hasChatTemplate ? asked.chat(messages) : asked.generate(text, { maxTokens: 200 });
    for await (const delta of answer) shown.append(delta.text ?? delta.reasoning ?? "");
    const { text: said, usage, timings } = await answer.result;
    messages.push({ role: "assistant", content: said });
    const perSecond = (n, ms) => (ms > 0 ? ((n * 1000) / ms).toFixed(1) : "–");
    const n = usage.promptTokens - usage.cachedTokens;
    element("speed").textContent =
      `prompt: ${usage.promptTokens} tokens (${perSecond(n, timings.promptMs)} a second), ` +
      `answer: ${usage.completionTokens} tokens (${perSecond(usage.completionTokens - 1, timings.decodeMs)} a second)`;
  } catch (error) {
    messages.pop();
    if (error.kind !== "closed") problem(error);
  } finally {
    answer = null;
    element("stop").disabled = true;
    for (const id of ["send", "clear"]) element(id).disabled = !model;
  }
}

element("from-url").addEventListener("submit", (event) => {
  event.preventDefault();
  void open(element("url").value);
});
element("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) void open(file, { store: element("keep").checked });
});
element("cancel").addEventListener("click", () => loading?.abort());
element("close").addEventListener("click", () => void close());
element("clear").addEventListener("click", clear);
element("stop").addEventListener("click", () => answer?.abort());
element("persist").addEventListener("click", async () => {
  await storage.persist();
  await list();
});
element("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = element("text").value.trim();
  if (!text || !model || answer) return;
  element("text").value = "";
  problem(null);
  void send(text);
});
element("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    element("ask").requestSubmit();
  }
});

await list();
document.body.dataset.ready = "true";
