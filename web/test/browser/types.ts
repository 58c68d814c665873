// The written package is what `types.d.ts` declares, and the page of docs/web.md is typed by it.
import type * as declared from "../../package/src/types.d.ts";
import * as written from "../../package/src/index.js";

export const load: typeof declared.load = written.load;
export const storage: typeof declared.storage = written.storage;
export const error: typeof declared.TrinityError = written.TrinityError;

export async function asAUser(model: declared.Model): Promise<string> {
  const stream = model.chat([{ role: "user", content: "Hi" }], { maxTokens: 5 });
  for await (const { text } of stream) console.log(text?.length);
  return (await stream.result).text;
}
