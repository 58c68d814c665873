// Whatever is called, in whatever order and with whatever JSON: answered or refused, and memory stays where it is.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Module, Refusal, loaded, native } from "./module.mjs";

const stories = native.stories.path;
const file = readFileSync(stories);

/** xorshift32: the same calls each time. */
function random(seed) {
  let state = seed;
  return (n) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
}

test("random calls with random JSON never end the module", () => {
  const draw = random(20_261_201);
  const pick = (list) => list[draw(list.length)];
  const words = ["a", "", "Once upon", "<|im_end|>", "\u0000", "🙂", "x".repeat(300), "yes", "auto", "json_object", "[a-z]+", "((", "none"];
  const numbers = [0, 1, 2, -1, 0.5, 7, 64, 511, 512, 4096, 1e9, 1e300, -1e300, 2 ** 31, 2 ** 53];
  const fields = [
    "messages", "prompt", "tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p", "typical_p", "repeat_penalty",
    "repeat_last_n", "frequency_penalty", "presence_penalty", "logit_bias", "seed", "n", "stop", "stop_token_ids",
    "ignore_eos", "logprobs", "top_logprobs", "time_limit", "json_schema", "response_format", "guided_regex",
    "guided_choice", "grammar", "tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "enable_thinking",
    "chat_template_kwargs", "add_generation_prompt", "continue_final_message", "content", "input", "add_special",
    "role", "type", "function", "name", "parameters", "context_length", "kv_type", "parallel", "step_ms", "step_rows",
    "chat_template", "special", "unknown",
  ];
  const value = (depth) => {
    const kind = draw(depth > 3 ? 5 : 8);
    if (kind === 0) return pick([null, true, false]);
    if (kind <= 2) return pick(numbers);
    if (kind <= 4) return pick(words);
    if (kind === 5) return Array.from({ length: draw(4) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: draw(5) }, () => [pick(fields), value(depth + 1)]));
  };
  const likely = () => ({
    ...pick([{ prompt: pick(words) }, { tokens: [draw(520), draw(520)] }, { messages: [{ role: pick(["user", "assistant", "tool"]), content: pick(words) }] }]),
    max_tokens: 1 + draw(4),
    ...(draw(2) ? { [pick(fields)]: value(2) } : {}),
  });
  const request = () => {
    const kind = draw(8);
    if (kind === 0) return JSON.stringify(value(0)).slice(0, draw(40));
    return JSON.stringify(kind < 5 ? likely() : value(0));
  };
  const module = loaded(stories, { chat_template: "chatml" });
  const names = ["submit", "submit", "submit", "submit", "embed", "render", "count_tokens", "tokenize", "detokenize"];
  const begin = performance.now();
  let [n, n_refused] = [0, 0];
  for (; n < 3000 && performance.now() - begin < 3000; n += 1) {
    const call = draw(100);
    try {
      if (call < 60) module.number(pick(names), request());
      else if (call < 80) for (let i = draw(6); i > 0; i -= 1) if (module.number("step") === 2) module.events();
      else if (call < 85) module.wasm.cancel(draw(2 * n + 1));
      else if (call < 90) module.json(pick(["stats", "info", "memory_use"]));
      else if (call < 92) module.plan(file.subarray(0, draw(file.length)), draw(2 * file.length), {});
      else if (call < 94) module.json("load", { name: "model", context_length: 32 + draw(256), chat_template: "chatml" });
      else if (call < 95) module.json("load", request());
      else if (call < 96) module.read(file.subarray(0, pick([file.length, draw(file.length)])));
      else if (call < 97) module.wasm.weights_begin(draw(1 << 20), 0);
      else if (call < 98) module.wasm.weights_filled(draw(1 << 21), 0);
      else if (call < 99) module.number("reset");
      else module.read(file);
    } catch (error) {
      if (!(error instanceof Refusal)) {
        module.wasm.panic_message();
        assert.fail(`call ${n}: ${error}: ${module.output()}`);
      }
      assert.notEqual(error.kind, "bug", error.message);
      n_refused += 1;
    }
  }
  assert.ok(n > 20 && n_refused > n / 10 && n_refused < n, `${n} calls, ${n_refused} refused`);
});

test("memory is flat over 200 cycles of loading and dropping", () => {
  const module = new Module();
  let first;
  for (let i = 0; i < 200; i += 1) {
    module.read(file);
    module.json("load", { context_length: 128 });
    if (i % 20 === 0) module.answer({ prompt: "Once", max_tokens: 3, temperature: 0 });
    if (i % 2 === 0) module.number("reset");
    if (i === 20) first = module.wasm.memory.buffer.byteLength;
  }
  const last = module.wasm.memory.buffer.byteLength;
  assert.ok(last <= first * 1.05, `${first} bytes after 20, ${last} after 200`);
});

test("grammars as deep as they may be do not exhaust the stack", () => {
  const module = loaded(stories);
  const submit = (request) => {
    try {
      module.number("submit", { prompt: "a", max_tokens: 2, ...request });
      module.run();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  };
  for (const depth of [16, 31, 32, 100, 255, 256, 450]) {
    submit({ guided_regex: "(".repeat(depth) + "a" + ")".repeat(depth) });
    submit({ guided_regex: "(a|b".repeat(depth) + ")*".repeat(depth) });
    submit({ grammar: `root ::= ${"(".repeat(depth)}"a"${")".repeat(depth)}` });
    submit({ grammar: ["root ::= r0", ...Array.from({ length: depth }, (_, i) => `r${i} ::= "x" r${i + 1} "y" | "z"`), `r${depth} ::= "a"`].join("\n") });
    let schema = { type: "string" };
    for (let i = 0; i < depth; i += 1) schema = i % 2 ? { type: "array", items: schema } : { type: "object", properties: { a: schema } };
    submit({ json_schema: schema });
  }
});

test("a panic is kept for who asks", () => {
  const module = new Module();
  module.wasm.panic_message();
  assert.equal(module.output(), "");
});
