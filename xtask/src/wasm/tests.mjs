// Runs the tests of a module that crates/kernels/src/tests_in_wasm.rs is part of: node tests.mjs MODULE [PART OF A NAME …]
import { readFileSync } from "node:fs";

const [path, ...parts] = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));
const module = new WebAssembly.Module(readFileSync(path));

function start() {
    const { exports } = new WebAssembly.Instance(module, {});
    exports.main(0, 0);
    const text = (place) => {
        const [address, length] = [Number(place >> 32n), Number(place & 0xffffffffn)];
        return new TextDecoder().decode(new Uint8Array(exports.memory.buffer, address, length));
    };
    return { exports, text };
}

let { exports, text } = start();
const counts = { passed: 0, failed: 0, ignored: 0 };
const n = exports.n_tests();
for (let i = 0; i < n; i++) {
    const name = text(exports.name(i));
    if (parts.length > 0 && !parts.some((part) => name.includes(part))) {
        continue;
    }
    const begin = performance.now();
    let outcome = "passed";
    try {
        outcome = ["passed", "ignored", "failed"][exports.run(i)];
    } catch (trap) {
        outcome = "failed";
        console.log(`${text(exports.message())}\n${trap.stack}`);
        // What a trap leaves behind is no ground for other tests.
        ({ exports, text } = start());
    }
    counts[outcome] += 1;
    const seconds = (performance.now() - begin) / 1000;
    if (outcome === "failed" || seconds > 1) {
        console.log(`test ${name} ... ${outcome} in ${seconds.toFixed(1)} s`);
    }
}
const verdict = counts.failed === 0 && n > 0 ? "ok" : "FAILED";
console.log(`test result: ${verdict}. ${counts.passed} passed; ${counts.failed} failed; ${counts.ignored} ignored`);
process.exitCode = verdict === "ok" ? 0 : 1;
