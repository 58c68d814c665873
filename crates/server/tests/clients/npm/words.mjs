// What the scripted model of test_npm.py answers to.

export const WEATHER = "Please look at the volcano weather in Paris.";
/** The result of the tool; its word changes the model's next reply. */
export const RESULT = "warm, with turmeric";
export const ANSWER = "It is 21 degrees in Paris.";
export const HELLO = "Hello from a small model.";
export const STRUCTURED = "Please say it as a tortoise object.";
export const OBJECT = { city: "Paris", celsius: 21 };
/** More tokens than any context here. */
export const TOO_LONG = "one two three four ".repeat(20000);

export const WEATHER_SCHEMA = {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
};
export const OBJECT_SCHEMA = {
    type: "object",
    properties: { city: { type: "string" }, celsius: { type: "integer" } },
    required: ["city", "celsius"],
    additionalProperties: false,
};

/** Aborts in the middle of a stream and asks once more: the server answers at once. */
export async function afterAbort(stream, abort, ask) {
    let pieces = 0;
    try {
        for await (const _ of stream) {
            pieces += 1;
            abort();
        }
    } catch (error) {
        if (!/abort/i.test(`${error.name} ${error.message}`)) throw error;
    }
    if (pieces === 0) throw new Error("nothing came before the abort");
    await ask();
}
