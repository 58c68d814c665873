// Runs a program of wasm32-wasip1: node --no-liftoff model_shape.mjs PROGRAM [ARGUMENT …]
// Its clock is the processor time of this process.
import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: process.argv.slice(2) });
const imports = wasi.getImportObject();
let memory;
imports.wasi_snapshot_preview1.clock_time_get = (clock, precision, address) => {
    const { user, system } = process.cpuUsage();
    new DataView(memory.buffer).setBigUint64(address, BigInt(user + system) * 1000n, true);
    return 0;
};
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), imports);
memory = instance.exports.memory;
wasi.start(instance);
