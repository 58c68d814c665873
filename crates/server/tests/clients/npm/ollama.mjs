// npm ollama.
import assert from "node:assert/strict";
import { Ollama } from "ollama";
import { ANSWER, HELLO, OBJECT, OBJECT_SCHEMA, RESULT, STRUCTURED, WEATHER, WEATHER_SCHEMA, afterAbort } from "./words.mjs";

const client = (url) => new Ollama({ host: url });
const user = (content) => [{ role: "user", content }];
const tool = { type: "function", function: { name: "get_weather", description: "The weather of a city.", parameters: WEATHER_SCHEMA } };

export async function message(url, model) {
    assert((await client(url).list()).models.some((entry) => entry.name === model));
    const reply = await client(url).chat({ model, messages: user("Hi."), options: { num_ctx: 1 << 20 } });
    assert.equal(reply.message.content, HELLO);
}

export async function stream(url, model) {
    let text = "";
    for await (const part of await client(url).chat({ model, messages: user("Hi."), stream: true })) text += part.message.content;
    assert.equal(text, HELLO);
}

export async function generate(url, model) {
    assert.equal((await client(url).generate({ model, prompt: "Hi." })).response, HELLO);
}

export async function tools(url, model) {
    const messages = user(WEATHER);
    const first = await client(url).chat({ model, messages, tools: [tool] });
    assert.deepEqual(first.message.tool_calls[0].function.arguments, { city: "Paris" });
    const result = { role: "tool", content: RESULT, tool_name: "get_weather" };
    const second = await client(url).chat({ model, messages: [...messages, first.message, result], tools: [tool] });
    assert.equal(second.message.content, ANSWER);
}

export async function structuredWithTools(url, model) {
    const asked = (content) => client(url).chat({ model, messages: user(content), tools: [tool], format: OBJECT_SCHEMA });
    assert.deepEqual(JSON.parse((await asked(STRUCTURED)).message.content), OBJECT);
    assert.equal((await asked(WEATHER)).message.tool_calls.length, 1);
}

export async function embed(url, model) {
    assert.equal((await client(url).embed({ model, input: ["one", "two"] })).embeddings.length, 2);
}

export async function abort(url, model) {
    const events = await client(url).chat({ model, messages: user("Hi."), stream: true });
    await afterAbort(events, () => events.abort(), () => message(url, model));
}
