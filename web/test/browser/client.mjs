// The package in Node.js, and OpenAI's own client on its `fetch`. Arguments: the package, a model with a chat template
// or not, the name of a template or an empty text.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";

const [dist, file, chatTemplate, client] = process.argv.slice(2);
const { TrinityError, load, storage } = await import(pathToFileURL(dist));
const { default: OpenAI } = await import(pathToFileURL(client));

const model = await load({ source: pathToFileURL(file), ...(chatTemplate ? { chatTemplate } : {}), onProgress() {} });
assert.equal(model.info.storage.kind, "none");
assert.deepEqual(await storage.list(), []);
const openai = new OpenAI({ apiKey: "none", baseURL: "http://in.the.page/v1", fetch: model.fetch, maxRetries: 0 });

const { data: models } = await openai.models.list();
assert.deepEqual(models.map(({ id, object }) => [id, object]), [[model.info.name, "model"]]);
assert.equal((await openai.models.retrieve(model.info.name)).id, model.info.name);

// Streamed, whole, and by the package itself: one text.
const asked = { model: "any", messages: [{ role: "user", content: "Tell me of a cat." }], temperature: 0, max_completion_tokens: 24 };
const whole = await openai.chat.completions.create({ ...asked, user: "somebody" });
const streamed = await openai.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } });
let [text, usage, reason] = ["", null, null];
for await (const chunk of streamed) {
  assert.equal(chunk.object, "chat.completion.chunk");
  text += chunk.choices[0]?.delta.content ?? "";
  reason = chunk.choices[0]?.finish_reason ?? reason;
  usage = chunk.usage ?? usage;
}
const own = await model.chat(asked.messages, { temperature: 0, maxTokens: 24 }).result;
assert.equal(text, whole.choices[0].message.content);
assert.equal(text, own.text);
assert.equal(reason, whole.choices[0].finish_reason);
assert.deepEqual([usage.prompt_tokens, usage.completion_tokens], [whole.usage.prompt_tokens, whole.usage.completion_tokens]);
assert.equal(whole.usage.prompt_tokens, await model.countTokens(asked.messages));

const completion = await openai.completions.create({ model: "any", prompt: "Once upon a time", max_tokens: 8, temperature: 0, logprobs: 2 });
assert.ok(completion.choices[0].text.startsWith(", there was"), completion.choices[0].text);
assert.equal(completion.choices[0].logprobs.tokens.join("").replaceAll(" ", ""), completion.choices[0].text.replaceAll(" ", ""));
assert.equal(completion.choices[0].logprobs.token_logprobs.length, 8);
const logprobs = await openai.chat.completions.create({ ...asked, logprobs: true, top_logprobs: 2 });
assert.equal(logprobs.choices[0].logprobs.content[0].top_logprobs.length, 2);
const several = await openai.chat.completions.create({ ...asked, temperature: 1, seed: 5, n: 3 });
assert.equal(new Set(several.choices.map(({ message }) => message.content)).size, 3);
const parts = await openai.chat.completions.create({ ...asked, temperature: 1, seed: 5, n: 2, stream: true });
const joined = ["", ""];
for await (const { choices } of parts) for (const { index, delta } of choices) joined[index] += delta.content ?? "";
assert.deepEqual(joined, several.choices.slice(0, 2).map(({ message }) => message.content));

const vectors = await openai.embeddings.create({ model: "any", input: ["a cat", "a dog"] });
const [first] = await model.embed(["a cat"]);
assert.deepEqual(Float32Array.from(vectors.data[0].embedding), first);
assert.ok(vectors.usage.prompt_tokens > 0);

// What is refused says what, with the status that clients expect.
const refused = async (status, part, call) => assert.rejects(call, (error) => error.status === status && error.message.includes(part));
await refused(400, "temperature", openai.chat.completions.create({ ...asked, temperature: -1 }));
await refused(400, "web_search_options", openai.chat.completions.create({ ...asked, web_search_options: {} }));
await refused(400, "web_search_options", openai.chat.completions.create({ ...asked, web_search_options: {}, stream: true }));
await refused(400, "messages", openai.chat.completions.create({ model: "any" }));
await refused(404, "/v1/responses", openai.responses.create({ model: "any", input: "Hi" }));
assert.equal((await model.fetch("http://x/v1/chat/completions", { method: "POST", body: "no JSON" })).status, 400);
assert.equal((await model.fetch("/v1/chat/completions")).status, 405);
const controller = new AbortController();
setTimeout(() => controller.abort(), 20);
await assert.rejects(openai.chat.completions.create({ ...asked, max_completion_tokens: 300 }, { signal: controller.signal }), /abort/i);

if (model.info.grammars) {
  const schema = { type: "object", properties: { name: { enum: ["Tom", "Ann"] } }, required: ["name"], additionalProperties: false };
  const format = { type: "json_schema", json_schema: { name: "cat", schema, strict: true } };
  const shaped = await openai.chat.completions.create({ ...asked, max_completion_tokens: 60, response_format: format });
  assert.ok(["Tom", "Ann"].includes(JSON.parse(shaped.choices[0].message.content).name));
}

// A whole file as a Blob gives the same model; a broken one is refused in the words of the program.
const bytes = await readFile(file);
const other = await load({ source: new Blob([bytes]), sha256: model.info.sha256 });
assert.equal((await other.generate("Once upon a time", { maxTokens: 8, temperature: 0 }).result).text, completion.choices[0].text);
await other.close();
await assert.rejects(load({ source: new Blob([bytes.subarray(0, 5000)]) }), (error) => error instanceof TrinityError && error.kind === "input");
await assert.rejects(load({ source: new URL("file:///nowhere.gguf") }), { kind: "input" });
await model.close();
await assert.rejects(model.tokenize("a"), { kind: "closed" });
console.log("ok");
