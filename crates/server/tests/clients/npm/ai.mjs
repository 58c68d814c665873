// npm ai, with its three providers and the community's one for Ollama: each case for each of them.
import assert from "node:assert/strict";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { createOllama } from "ollama-ai-provider-v2";
import { z } from "zod";
import { ANSWER, HELLO, OBJECT, RESULT, STRUCTURED, TOO_LONG, WEATHER, afterAbort } from "./words.mjs";

const PROVIDERS = {
    openai: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" }),
    openaiChat: (url) => createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" }).chat,
    anthropic: (url) => createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" }),
    compatible: (url) => createOpenAICompatible({ name: "trinity", baseURL: `${url}/v1`, supportsStructuredOutputs: true, includeUsage: true }),
    ollama: (url) => createOllama({ baseURL: `${url}/api` }),
};

const CASES = {
    async message(common) {
        const { text, usage } = await generateText({ ...common, prompt: "Hi." });
        assert.equal(text, HELLO);
        assert(usage.inputTokens > 0);
    },

    async stream(common) {
        const { textStream, finishReason } = streamText({ ...common, prompt: "Hi.", onError: ({ error }) => { throw error; } });
        let text = "";
        for await (const piece of textStream) text += piece;
        assert.equal(text, HELLO);
        assert.equal(await finishReason, "stop");
    },

    async tools(common) {
        const { text, steps } = await generateText({ ...common, ...weather(), prompt: WEATHER });
        assert.equal(text, ANSWER);
        assert.equal(steps[0].toolCalls[0].input.city, "Paris");
    },

    async streamedTools(common) {
        const { textStream } = streamText({ ...common, ...weather(), prompt: WEATHER, onError: ({ error }) => { throw error; } });
        let text = "";
        for await (const piece of textStream) text += piece;
        assert.equal(text, ANSWER);
    },

    async structuredWithTools(common) {
        const schema = z.object({ city: z.string(), celsius: z.int() });
        const { output } = await generateText({ ...common, ...weather(), output: Output.object({ schema }), prompt: STRUCTURED });
        assert.deepEqual(output, OBJECT);
    },

    async secondTurn(common) {
        const first = [{ role: "user", content: "Hi." }];
        const { response } = await generateText({ ...common, messages: first });
        const messages = [...first, ...response.messages, { role: "user", content: "And again." }];
        assert.equal((await generateText({ ...common, messages })).text, HELLO);
    },

    async tooLong(common) {
        await assert.rejects(generateText({ ...common, prompt: TOO_LONG }), (error) => error.statusCode === 400);
    },

    async abort(common) {
        const controller = new AbortController();
        const { textStream } = streamText({ ...common, prompt: "Hi.", abortSignal: controller.signal, onError: () => {} });
        await afterAbort(textStream, () => controller.abort(), () => CASES.message(common));
    },
};

function weather() {
    const inputSchema = z.object({ city: z.string() });
    const get_weather = tool({ description: "The weather of a city.", inputSchema, execute: () => RESULT });
    return { tools: { get_weather }, stopWhen: stepCountIs(3) };
}

const table = {};
for (const [provider, create] of Object.entries(PROVIDERS)) {
    for (const [name, run] of Object.entries(CASES)) {
        // For models that it does not know this provider asks for a call of a tool of its own instead, which nothing scripted makes.
        if (provider === "anthropic" && name === "structuredWithTools") continue;
        table[`${provider}_${name}`] = (url, model) => run({ model: create(url)(model), maxRetries: 0, maxOutputTokens: 200 });
    }
}
export default table;
