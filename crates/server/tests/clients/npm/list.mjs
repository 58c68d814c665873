// node list.mjs FILE …: the names of all cases, a line `FILE CASE` each.
import { basename } from "node:path";
import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
    const { default: table, ...functions } = await import(pathToFileURL(file).href);
    for (const name of Object.keys({ ...functions, ...table })) console.log(basename(file), name);
}
