// What is measured of wllama, by the names that bench.py calls.

import { LoggerWithoutDebug, Wllama } from "./wllama/index.min.js";

const engine = new Wllama({ default: "wllama/wllama.wasm" }, { suppressNativeLog: true, logger: LoggerWithoutDebug, allowOffline: true });
// Its Safari build is not in the package.
engine.setCompat(null);

window.bench = {
  async load(url, context) {
    await engine.loadModelFromUrl(new URL(url, location.href).href, { n_ctx: context, n_threads: 1, n_gpu_layers: 0, n_parallel: 1, useCache: true });
    return { storage: "opfs", isa: `${engine.getNumThreads()} thread` };
  },
  async complete(prompt, tokens) {
    const [start, times] = [performance.now(), []];
    let [usage, text] = [null, ""];
    const stream = await engine.createCompletion({
      prompt, max_tokens: tokens, temperature: 0, stream: true, cache_prompt: false, ignore_eos: true, stream_options: { include_usage: true },
    });
    for await (const chunk of stream) {
      if (chunk.choices[0]?.finish_reason === null) {
        times.push(performance.now() - start);
        text += chunk.choices[0].text;
      }
      usage = chunk.usage ?? (chunk.timings && { prompt_tokens: chunk.timings.prompt_n, completion_tokens: chunk.timings.predicted_n }) ?? usage;
    }
    return { times, prompt: usage?.prompt_tokens, tokens: usage?.completion_tokens, text };
  },
};
document.body.dataset.ready = "true";
