// Every call of the module, by what web/package/ABI.md says of it.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Module, Refusal, exports, imports, loaded, native } from "./module.mjs";

const stories = native.stories.path;
const file = readFileSync(stories);
const abi = readFileSync(new URL("../../package/ABI.md", import.meta.url), "utf8");
const refusal = (kind, field, words) => (e) =>
  e instanceof Refusal && e.kind === kind && e.field === field && e.message.includes(words);

test("exports and imports are those of the document", () => {
  const section = abi.slice(abi.indexOf("## Calls"), abi.indexOf("Imports"));
  const rows = section.split("\n").filter((line) => line.startsWith("| `"));
  const named = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)/g)].map((match) => match[1]));
  // Calls of C programs to the compiler of grammars, which nobody makes here, what stands for instructions, and what
  // linkers add.
  const isOurs = ({ name }) => !name.startsWith("llg_") && !name.startsWith("trinity_relaxed_") && !name.startsWith("__") && name !== "now";
  const ours = exports.filter(isOurs).map(({ name }) => name);
  assert.deepEqual(ours.toSorted(), named.toSorted());
  assert.deepEqual(imports.map(({ module, name }) => `${module}.${name}`).toSorted(), ["trinity.log", "trinity.now_ms"]);
  assert.equal(new Module().wasm.abi(), 1);
});

test("a model is planned by its first bytes, read in, loaded and described", () => {
  const module = new Module();
  let [n, calls] = [64, 0];
  let plan;
  for (; ; calls += 1) {
    plan = module.plan(file.subarray(0, n), file.length);
    if (plan.state === "plan") break;
    assert.ok(plan.needed > n && plan.needed <= file.length);
    n = plan.needed;
  }
  assert.ok(calls > 1 && calls < 24 && n < file.length, `${calls} calls, ${n} of ${file.length} bytes`);
  assert.equal(module.plan(file.subarray(0, n), Infinity).file_bytes, file.length);
  const sha256 = createHash("sha256").update(file).digest("hex");
  assert.deepEqual(module.read(file, sha256, 100_000), { sha256, bytes: file.length });
  const info = module.json("load", { name: "stories" });
  assert.deepEqual(info.plan, plan);
  // Of the module with relaxed SIMD: it must be used where it is right.
  assert.equal(info.isa, process.env.TRINITY_WASM_ISA);
  assert.equal(info.sha256, sha256);
  assert.deepEqual(module.json("info"), info);
  const use = module.json("memory_use");
  assert.equal(use.weight_bytes, file.length);
  assert.equal(use.kv_bytes, plan.kv_bytes);
  assert.equal(use.module_bytes, module.wasm.memory.buffer.byteLength);
  assert.ok(use.module_bytes < plan.total_bytes, "the plan holds");
  module.number("reset");
  assert.throws(() => module.json("info"), refusal("closed", undefined, "no model is loaded"));
});

test("a plan says what fits", () => {
  const module = new Module();
  const whole = module.plan(file, file.length);
  assert.ok(whole.fits && whole.context_length_max === whole.context_length_trained);
  const limit = whole.total_bytes - 1;
  const short = module.plan(file, file.length, { limit });
  assert.ok(!short.fits && short.context_length_max > 0 && short.context_length_max < whole.context_length);
  const within = { limit, context_length: short.context_length_max };
  assert.ok(module.plan(file, file.length, within).fits);
  const more = { limit, context_length: short.context_length_max + 32 };
  assert.ok(!module.plan(file, file.length, more).fits);
  const narrow = module.plan(file, file.length, { kv_type: "q8_0" });
  assert.ok(narrow.kv_bytes < whole.kv_bytes);
  const large = 2 ** 32;
  assert.throws(() => module.plan(file, large), (e) => e.kind === "capacity" && e.detail.needed === large);
  const refused = (head, size, options, field, words) =>
    assert.throws(() => module.plan(head, size, options), refusal("input", field, words));
  refused(file, file.length, { kv_type: "q3" }, "kv_type", "one of f16, q8_0, q4_0, f32");
  refused(file, file.length, { context: 5 }, "context", "unknown field");
  refused(file, file.length, { context_length: 1e9 }, undefined, "the model was made for 1 to");
  refused(new TextEncoder().encode("<!DOCTYPE html>"), 1e6, {}, undefined, "not a GGUF file");
  refused(file.subarray(0, 900), 1000, {}, undefined, "bytes follow");
});

test("weights that are not those that were expected are refused", () => {
  const module = new Module();
  const wrong = "0".repeat(64);
  const differs = (e) => e.kind === "storage" && e.detail.expected === wrong && e.detail.sha256.length === 64;
  assert.throws(() => module.read(file, wrong), differs);
  assert.throws(() => module.json("load", {}), refusal("input", undefined, "no file was read in"));
  module.wasm.weights_begin(10, 0);
  module.status(module.wasm.weights_filled(4, 0));
  assert.throws(() => module.status(module.wasm.weights_filled(11, 0)), refusal("input", undefined, "11 bytes filled"));
  const missing = (e) => e.kind === "storage" && e.detail.needed === 10 && e.detail.granted === 4;
  assert.throws(() => module.status(module.wasm.weights_end(0, 0)), missing);
  assert.equal(module.wasm.weights_begin(0xffffffff, 0) >>> 0, 0);
  assert.throws(() => module.status(-1), (e) => e.kind === "capacity" && e.detail.needed === 0xffffffff);
});

test("what memory does not hold is refused, and a shorter context loads", () => {
  const module = new Module();
  module.read(file);
  const plan = module.plan(file, file.length);
  // All memory is taken but holes that are too small for a cache.
  const hole = 65536;
  const holes = Array.from({ length: 256 }, () => module.wasm.alloc(hole) >>> 0);
  const held = holes.filter((_, i) => i % 2 === 1).map((ptr) => [ptr, hole]);
  for (let size = 2 ** 30; size >= hole; size /= 2) {
    for (let ptr; (ptr = module.wasm.alloc(size) >>> 0) !== 0; ) held.push([ptr, size]);
  }
  for (const ptr of holes.filter((_, i) => i % 2 === 0)) module.wasm.free(ptr, hole);
  const refused = (e) => e.kind === "capacity" && e.detail.needed === plan.kv_bytes + plan.scratch_bytes
    && e.detail.granted > 4e9 && e.detail.context_length === plan.context_length / 2;
  assert.throws(() => module.json("load", {}), refused);
  for (const [ptr, size] of held) module.wasm.free(ptr, size);
  assert.equal(module.json("load", { context_length: plan.context_length / 2 }).context_length, plan.context_length / 2);
});

test("text becomes tokens and back", () => {
  const module = loaded(stories);
  const content = "Once upon a time, there was a little girl. ü 🙂";
  const { tokens } = module.json("tokenize", { content });
  assert.equal(module.json("detokenize", { tokens }).content, content);
  const first = module.json("tokenize", { content, add_special: true }).tokens;
  assert.deepEqual(first, [module.json("info").bos_token_id, ...tokens]);
  assert.throws(() => module.json("detokenize", { tokens: [512] }), refusal("input", "tokens", "less than 512"));
  assert.throws(() => module.json("tokenize", { text: "a" }), refusal("input", "text", "unknown field `text`"));
});

test("conversations are rendered, counted and answered", () => {
  const module = loaded(stories, { chat_template: "chatml", unix_ms: Date.UTC(2026, 0, 15), utc_offset_minutes: 90 });
  const messages = [{ role: "user", content: [{ type: "text", text: "Hi <|im_end|>" }] }];
  const { prompt, tokens } = module.json("render", { messages });
  assert.equal(prompt, "<|im_start|>user\nHi <|im_end|><|im_end|>\n<|im_start|>assistant\n");
  assert.equal(module.json("count_tokens", { messages }).n_tokens, tokens.length);
  const begun = [...messages, { role: "assistant", content: "Well" }];
  assert.ok(module.json("render", { messages: begun, continue_final_message: true }).prompt.endsWith("assistant\nWell"));
  const events = module.answer({ messages, max_tokens: 5, temperature: 0 });
  assert.equal(events[0].type, "begun");
  const done = events.at(-1);
  assert.equal(done.type, "done");
  assert.equal(done.finish_reason, "length");
  assert.deepEqual(done.usage, { prompt_tokens: tokens.length, cached_tokens: 0, completion_tokens: 5, reasoning_tokens: 0 });
  const dated = loaded(stories, {
    chat_template: "{{ strftime_now('%d.%m.%Y %H:%M') }}", unix_ms: Date.UTC(2026, 0, 15, 23, 0), utc_offset_minutes: 90,
  });
  assert.equal(dated.json("render", { messages }).prompt, "16.01.2026 00:30");
  const plain = loaded(stories);
  assert.throws(() => plain.json("render", { messages }), refusal("input", "messages", "no chat template"));
});

test("tools are called in the words of the grammar", () => {
  // One that knows tools, and is short: this model reads letter by letter.
  const call_form = '<tool_call>\n{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}\n</tool_call>';
  const calls = `{% for c in m.tool_calls %}${call_form}{% endfor %}`;
  const chat_template = `{{ tools | tojson }}{% for m in messages %}[{{ m.role }}]{{ m.content }}${calls}{% endfor %}`;
  const module = loaded(stories, { chat_template, context_length: 512 });
  const parameters = { type: "object", properties: { city: { enum: ["Ulm", "Bonn"] } }, required: ["city"], additionalProperties: false };
  const tools = [{ type: "function", function: { name: "weather", description: "W", parameters } }];
  const request = { messages: [{ role: "user", content: "Rain?" }], tools, tool_choice: "required", seed: 1, max_tokens: 90 };
  const events = module.answer(request);
  const call = events.find(({ type }) => type === "tool_call");
  assert.equal(call?.name, "weather", JSON.stringify(events));
  const written = events.filter(({ type }) => type === "tool_arguments").map(({ text }) => text).join("");
  assert.ok(["Ulm", "Bonn"].includes(JSON.parse(written).city), written);
  assert.equal(events.at(-1).finish_reason, "tool_calls");
  const asked = { messages: request.messages, response_format: { type: "json_schema", json_schema: { schema: parameters } } };
  const answer = module.answer({ ...asked, seed: 2, max_tokens: 90 });
  const text = answer.filter(({ type }) => type === "text").map((event) => event.text).join("");
  assert.ok(["Ulm", "Bonn"].includes(JSON.parse(text).city), text);
});

test("several requests together get what each gets alone, and one is cancelled within a step", () => {
  const module = loaded(stories, { parallel: 4 });
  const requests = [1, 2, 3, 4, 5].map((seed) => ({ prompt: `Story ${seed}: `, max_tokens: 10 + seed, temperature: 1, seed }));
  const alone = requests.map((request) => module.answer(request).filter(({ type }) => type === "text"));
  const ids = requests.map((request) => module.number("submit", request));
  const long = module.number("submit", { prompt: "On and on", ignore_eos: true });
  const together = new Map([...ids, long].map((id) => [id, []]));
  let steps_after = 0;
  for (let stepped; (stepped = module.number("step")) !== 0; ) {
    if (stepped !== 2) continue;
    for (const event of module.events()) together.get(event.id).push(event);
    if (together.get(long).at(-1)?.type === "text" && steps_after === 0) {
      assert.equal(module.number("stats") === 0 && module.wasm.cancel(long), 1);
      const ended = module.events().find(({ id }) => id === long);
      assert.equal(ended.finish_reason, "cancelled");
      steps_after += 1;
      assert.equal(module.wasm.cancel(long), 0);
    }
  }
  assert.equal(steps_after, 1);
  const text = (events) => events.filter(({ type }) => type === "text").map((event) => event.text).join("");
  assert.deepEqual(ids.map((id) => text(together.get(id))), alone.map(text));
  assert.equal(module.json("stats").n_cancelled, 1);
});

test("embeddings have length 1 and are those of one text alone", () => {
  const module = loaded(stories);
  module.number("embed", { input: ["a dog", "a cat"] });
  const both = module.run();
  assert.deepEqual(both.map(({ index }) => index).toSorted(), [0, 1]);
  const { embedding } = both.find(({ index }) => index === 1);
  assert.ok(Math.abs(Math.hypot(...embedding) - 1) < 1e-5 && embedding.length === module.json("info").width);
  module.number("embed", { input: "a cat" });
  assert.deepEqual(module.run()[0].embedding, embedding);
  assert.throws(() => module.number("embed", { input: [] }), refusal("input", "input", "1 to 2048"));
});

test("requests that cannot be are refused by field", () => {
  const module = loaded(stories, { chat_template: "chatml" });
  const messages = [{ role: "user", content: "a" }];
  const refused = (request, field, words, kind = "input") =>
    assert.throws(() => module.number("submit", request), refusal(kind, field, words), JSON.stringify(request));
  refused({ prompt: "a", temprature: 1 }, "temprature", "unknown field");
  refused({ prompt: "a", temperature: 3 }, "temperature", "3, expected 0 to 2");
  refused({ prompt: "a", messages }, undefined, "one of messages, prompt and tokens");
  refused({}, undefined, "one of messages, prompt and tokens");
  refused({ prompt: "a", tools: [] }, "tools", "only together with messages");
  refused({ messages: [] }, "messages", "0, expected 1 to 4096");
  refused({ messages: [{ role: "user", content: [{ type: "image_url" }] }] }, "messages[0].content", "text");
  refused({ messages: [{ role: "user" }] }, "messages[0].content", "missing");
  refused({ messages: [{ role: "admin", content: "" }] }, "messages[0].role", "unknown variant");
  refused({ prompt: "a", stop: [""] }, "stop", "empty string");
  refused({ prompt: "a", n: 17 }, "n", "17, expected 1 to 16");
  refused({ prompt: "a", max_tokens: 0 }, "max_tokens", "at least 1");
  refused({ prompt: "a", max_tokens: -1 }, "max_tokens", "-1");
  refused({ prompt: "a", top_logprobs: 2 }, "top_logprobs", "only with logprobs");
  refused({ prompt: "a", logprobs: true, top_logprobs: 21 }, "top_logprobs", "0 to 20");
  refused({ prompt: "a", logit_bias: { x: 1 } }, "logit_bias", "no token id");
  refused({ prompt: "a", stop_token_ids: [512] }, "stop_token_ids", "less than 512");
  refused({ prompt: "a", json_schema: {}, guided_regex: "a" }, "guided_regex", "json_schema already says");
  refused({ prompt: "a", guided_regex: "(" }, "guided_regex", "regex");
  refused({ messages, tool_choice: "required" }, "tool_choice", "there are no tools");
  refused({ messages, reasoning_effort: "much" }, "reasoning_effort", "expected one of none");
  refused({ messages, chat_template_kwargs: { messages: 1 } }, "chat_template_kwargs.messages", "field of its own");
  refused({ tokens: [600] }, undefined, "token id 600");
  refused({ tokens: [] }, undefined, "no tokens");
  refused("[", undefined, "EOF");
  const long = "word ".repeat(400);
  assert.throws(() => module.number("submit", { prompt: long }), (e) => e.kind === "capacity" && e.detail.context_length === 256);
  module.wasm.last_error();
  assert.equal(JSON.parse(module.output()).kind, "capacity");
  assert.deepEqual(module.run(), [], "nothing of them is left");
});
