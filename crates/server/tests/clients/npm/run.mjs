// node run.mjs FILE CASE: one function of FILE, exported by name or in its default table; it throws if it fails. TRINITY_URL and TRINITY_MODEL say whom to ask.
import { pathToFileURL } from "node:url";

const [file, name] = process.argv.slice(2);
const cases = await import(pathToFileURL(file).href);
const { TRINITY_URL: url, TRINITY_MODEL: model } = process.env;
await (cases[name] ?? cases.default[name])(url, model);
// Agents of kept-alive connections would hold the process for seconds.
process.exit(0);
