// What is measured of Trinity, by the names that bench.py calls.

import { load } from "./index.js";

let model = null;

window.bench = {
  async load(url, context) {
    model = await load({ source: url, contextLength: context, parallel: 1 });
    return { storage: model.info.storage.kind, isa: model.info.isa };
  },
  /** Milliseconds to each token, and how many the prompt had. */
  async complete(prompt, tokens) {
    const [start, times] = [performance.now(), []];
    const stream = model.generate(prompt, { maxTokens: tokens, temperature: 0, ignoreEos: true, logprobs: true });
    for await (const delta of stream) if (delta.logprobs) times.push(performance.now() - start);
    const { usage, text } = await stream.result;
    return { times, prompt: usage.promptTokens, tokens: usage.completionTokens, text };
  },
  /** Milliseconds from an abort, `after` so long in a prompt, to its end. */
  async abort(prompt, after) {
    const stream = model.generate(prompt, { maxTokens: 1 });
    await new Promise((resolve) => setTimeout(resolve, after));
    const start = performance.now();
    stream.abort();
    const { finishReason } = await stream.result;
    return { ms: performance.now() - start, finishReason };
  },
};
document.body.dataset.ready = "true";
