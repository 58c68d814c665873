// npm @anthropic-ai/sdk.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { jsonSchemaOutputFormat } from "@anthropic-ai/sdk/helpers/json-schema";
import { ANSWER, HELLO, OBJECT, OBJECT_SCHEMA, RESULT, STRUCTURED, TOO_LONG, WEATHER, WEATHER_SCHEMA, afterAbort } from "./words.mjs";

const client = (url) => new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
const request = (model, content) => ({ model, max_tokens: 200, messages: [{ role: "user", content }] });
const tool = { name: "get_weather", description: "The weather of a city.", input_schema: WEATHER_SCHEMA };

export async function message(url, model) {
    const reply = await client(url).messages.create(request(model, "Hi."));
    assert.deepEqual(reply.content, [{ type: "text", text: HELLO }]);
    assert.equal(reply.stop_reason, "end_turn");
}

export async function stream(url, model) {
    const events = client(url).messages.stream(request(model, "Hi."));
    let text = "";
    events.on("text", (piece) => (text += piece));
    const reply = await events.finalMessage();
    assert.equal(text, HELLO);
    assert.equal(reply.content[0].text, HELLO);
}

export async function count(url, model) {
    const messages = [{ role: "user", content: "Hi." }];
    const { input_tokens } = await client(url).messages.countTokens({ model, messages });
    const { usage } = await client(url).messages.create(request(model, "Hi."));
    assert.equal(input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
}

export async function toolRunner(url, model) {
    const seen = [];
    const run = ({ city }) => (seen.push(city), RESULT);
    const reply = await client(url).beta.messages.toolRunner({
        ...request(model, WEATHER),
        tools: [betaTool({ name: tool.name, description: tool.description, inputSchema: WEATHER_SCHEMA, run })],
    });
    assert.equal(reply.content.at(-1).text, ANSWER);
    assert.deepEqual(seen, ["Paris"]);
}

export async function structuredWithTools(url, model) {
    const output_config = { format: jsonSchemaOutputFormat(OBJECT_SCHEMA) };
    const asked = (content) => client(url).messages.parse({ ...request(model, content), tools: [tool], output_config });
    assert.deepEqual((await asked(STRUCTURED)).parsed_output, OBJECT);
    const call = (await asked(WEATHER)).content.find((part) => part.type === "tool_use");
    assert.deepEqual(call.input, { city: "Paris" });
}

export async function tooLong(url, model) {
    const asked = client(url).messages.create(request(model, TOO_LONG));
    await assert.rejects(asked, (error) => error instanceof Anthropic.BadRequestError && /prompt is too long/.test(error.message));
}

export async function abort(url, model) {
    const events = client(url).messages.stream(request(model, "Hi."));
    await afterAbort(events, () => events.abort(), () => message(url, model));
}
