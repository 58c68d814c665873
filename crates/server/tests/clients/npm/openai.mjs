// npm openai.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ANSWER, HELLO, OBJECT, OBJECT_SCHEMA, RESULT, STRUCTURED, TOO_LONG, WEATHER, WEATHER_SCHEMA, afterAbort } from "./words.mjs";

const client = (url) => new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const weather = { type: "function", function: { name: "get_weather", description: "The weather of a city.", parameters: WEATHER_SCHEMA } };
const Place = z.object({ city: z.string(), celsius: z.int() });

export async function models(url, model) {
    const list = await client(url).models.list();
    assert(list.data.some((entry) => entry.id === model));
}

export async function message(url, model) {
    const reply = await client(url).chat.completions.create({ model, messages: user("Hi.") });
    assert.equal(reply.choices[0].message.content, HELLO);
    assert.equal(reply.choices[0].finish_reason, "stop");
    assert(reply.usage.prompt_tokens > 0 && reply.usage.completion_tokens > 0);
}

export async function stream(url, model) {
    let text = "";
    const events = await client(url).chat.completions.create({ model, stream: true, stream_options: { include_usage: true }, messages: user("Hi.") });
    let usage;
    for await (const event of events) {
        text += event.choices[0]?.delta.content ?? "";
        usage = event.usage ?? usage;
    }
    assert.equal(text, HELLO);
    assert(usage.total_tokens > 0);
}

export async function tools(url, model) {
    const seen = [];
    const runner = client(url).chat.completions.runTools({
        model,
        messages: user(WEATHER),
        tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse, function: ({ city }) => (seen.push(city), RESULT) } }],
    });
    assert.equal(await runner.finalContent(), ANSWER);
    assert.deepEqual(seen, ["Paris"]);
}

export async function streamedTools(url, model) {
    const runner = client(url).chat.completions.runTools({
        model,
        stream: true,
        messages: user(WEATHER),
        tools: [{ type: "function", function: { ...weather.function, parse: JSON.parse, function: () => RESULT } }],
    });
    assert.equal(await runner.finalContent(), ANSWER);
}

export async function structuredWithTools(url, model) {
    const completions = client(url).chat.completions;
    const format = zodResponseFormat(Place, "place");
    const strict = { type: "function", function: { ...weather.function, strict: true } };
    const asked = (content) => completions.parse({ model, messages: user(content), tools: [strict], response_format: format });
    assert.deepEqual((await asked(STRUCTURED)).choices[0].message.parsed, OBJECT);
    const call = (await asked(WEATHER)).choices[0].message.tool_calls[0];
    assert.deepEqual(call.function.parsed_arguments, { city: "Paris" });
}

export async function responses(url, model) {
    const openai = client(url);
    const first = await openai.responses.create({ model, input: "Hi.", store: true, reasoning: { summary: "auto" } });
    assert.equal(first.output_text, HELLO);
    const second = await openai.responses.create({ model, input: "And again.", previous_response_id: first.id });
    assert.equal(second.output_text, HELLO);
    assert(second.usage.input_tokens > first.usage.input_tokens, "the conversation goes on");
    const counted = await openai.responses.inputTokens.count({ model, input: "Hi." });
    assert.equal(counted.input_tokens, first.usage.input_tokens);
    await assert.rejects(openai.responses.create({ model, input: "x", previous_response_id: "resp_gone" }), OpenAI.NotFoundError);
}

export async function responsesStream(url, model) {
    let text = "";
    for await (const event of await client(url).responses.create({ model, input: "Hi.", stream: true })) {
        if (event.type === "response.output_text.delta") text += event.delta;
    }
    assert.equal(text, HELLO);
}

export async function responsesTools(url, model) {
    const openai = client(url);
    const tool = { type: "function", name: "get_weather", parameters: WEATHER_SCHEMA, strict: true };
    const text = { format: zodTextFormat(Place, "place") };
    const first = await openai.responses.parse({ model, input: WEATHER, tools: [tool, { type: "web_search" }], text });
    const call = first.output.find((item) => item.type === "function_call");
    assert.deepEqual(JSON.parse(call.arguments), { city: "Paris" });
    const output = { type: "function_call_output", call_id: call.call_id, output: RESULT };
    const second = await openai.responses.create({ model, input: [output], previous_response_id: first.id, tools: [tool] });
    assert.equal(second.output_text, ANSWER);
    const object = await openai.responses.parse({ model, input: STRUCTURED, tools: [tool], text });
    assert.deepEqual(object.output_parsed, OBJECT);
}

export async function schemaWithTools(url, model) {
    const response_format = { type: "json_schema", json_schema: { name: "place", schema: OBJECT_SCHEMA } };
    const reply = await client(url).chat.completions.create({ model, messages: user(STRUCTURED), tools: [weather], response_format });
    assert.deepEqual(JSON.parse(reply.choices[0].message.content), OBJECT);
}

export async function embeddings(url, model) {
    const reply = await client(url).embeddings.create({ model, input: ["one", "two"] });
    assert.equal(reply.data.length, 2);
    const norm = Math.hypot(...reply.data[0].embedding);
    assert(Math.abs(norm - 1) < 1e-3, `norm ${norm}`);
}

export async function tooLong(url, model) {
    const asked = client(url).chat.completions.create({ model, messages: user(TOO_LONG) });
    await assert.rejects(asked, (error) => error instanceof OpenAI.BadRequestError && error.code === "context_length_exceeded");
}

export async function abort(url, model) {
    const events = await client(url).chat.completions.create({ model, stream: true, messages: user("Hi.") });
    await afterAbort(events, () => events.controller.abort(), () => message(url, model));
}
