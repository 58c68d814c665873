// The module gives what the native program gives.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Module, Refusal, loaded, native } from "./module.mjs";

for (const name of ["stories", "smollm2"]) {
  test(`${name}: tokens, logits and events are those of the native program`, () => {
    const { path, info, prompt, trace, answers } = native[name];
    const module = loaded(path);
    const { isa, ...own } = module.json("info");
    const { isa: other, ...theirs } = info;
    assert.deepEqual(own, theirs);
    assert.deepEqual(module.json("trace", { prompt, n: 64 }), trace);
    assert.equal(trace.tokens.length, 64);
    for (const { request, events } of answers) {
      assert.deepEqual(module.answer(request), events);
    }
  });
}

test("malformed files are refused in the words of the native program", () => {
  const module = new Module();
  assert.ok(native.malformed.length >= 73);
  for (const { path, name, error } of native.malformed) {
    const refused = (e) => e instanceof Refusal && e.kind === "input" && e.message === error;
    const load = () => {
      module.read(readFileSync(path));
      module.json("load", { name, context_length: 256 });
    };
    assert.throws(load, refused, `${name}: expected ${error}`);
  }
});
