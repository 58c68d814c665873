// A module `trinity.wasm` as a test holds one: calls by name, JSON in and out.

import { readFileSync } from "node:fs";

const compiled = new WebAssembly.Module(readFileSync(process.env.TRINITY_WASM));

/** What the native program makes of the same models and files (crates/web/examples/native.rs). */
export const native = JSON.parse(readFileSync(process.env.TRINITY_NATIVE, "utf8"));

export const imports = WebAssembly.Module.imports(compiled);
export const exports = WebAssembly.Module.exports(compiled);

/** An error that the module gave as JSON. */
export class Refusal extends Error {
  constructor(error) {
    super(error.message);
    Object.assign(this, { kind: error.kind, field: error.field, detail: error });
  }
}

export class Module {
  logged = [];

  constructor(now = () => performance.now()) {
    const log = (ptr, len) => this.logged.push(this.text(ptr, len));
    this.wasm = new WebAssembly.Instance(compiled, { trinity: { now_ms: now, log } }).exports;
  }

  bytes(ptr, len) {
    return new Uint8Array(this.wasm.memory.buffer, ptr >>> 0, len >>> 0);
  }

  text(ptr, len) {
    return new TextDecoder("utf-8", { fatal: true }).decode(this.bytes(ptr, len));
  }

  output() {
    return this.text(this.wasm.output_ptr(), this.wasm.output_len());
  }

  /** Calls `work` with the place of `bytes` in the module's memory. */
  lend(bytes, work) {
    const ptr = this.wasm.alloc(bytes.length) >>> 0;
    if (ptr === 0) throw new Error(`no memory for ${bytes.length} bytes`);
    this.bytes(ptr, bytes.length).set(bytes);
    const given = work(ptr, bytes.length);
    this.wasm.free(ptr, bytes.length);
    return given;
  }

  status(status) {
    if (status < 0) throw new Refusal(JSON.parse(this.output()));
    return status;
  }

  /** Calls an export with a text, an object as JSON, or nothing; gives its status. */
  number(name, argument) {
    if (argument === undefined) return this.status(this.wasm[name]());
    const text = typeof argument === "string" ? argument : JSON.stringify(argument);
    return this.status(this.lend(new TextEncoder().encode(text), (ptr, len) => this.wasm[name](ptr, len)));
  }

  /** Calls an export, and gives its output. */
  json(name, argument) {
    this.number(name, argument);
    return JSON.parse(this.output());
  }

  plan(head, size, options = {}) {
    const text = new TextEncoder().encode(JSON.stringify(options));
    const [lo, hi] = halves(size);
    const call = (ptr, len) => this.lend(text, (at, n) => this.wasm.plan(ptr, len, lo, hi, at, n));
    this.status(this.lend(head, call));
    return JSON.parse(this.output());
  }

  /** Reads a file in, in pieces of `piece` bytes. */
  read(file, sha256 = "", piece = 4 << 20) {
    const ptr = this.wasm.weights_begin(...halves(file.length)) >>> 0;
    if (ptr === 0) this.status(-1);
    for (let at = 0; at < file.length; at += piece) {
      const end = Math.min(at + piece, file.length);
      this.bytes(ptr + at, end - at).set(file.subarray(at, end));
      this.status(this.wasm.weights_filled(...halves(end)));
    }
    this.status(this.lend(new TextEncoder().encode(sha256), (at, n) => this.wasm.weights_end(at, n)));
    return JSON.parse(this.output());
  }

  /** Steps until nothing is left, and gives all events. */
  run() {
    const events = [];
    for (;;) {
      const stepped = this.number("step");
      if (stepped === 0) return events;
      if (stepped === 2) events.push(...this.events());
    }
  }

  events() {
    const n = this.number("events");
    const lines = this.output().split("\n").filter((line) => line !== "");
    if (lines.length !== n) throw new Error(`${n} events, but ${lines.length} lines`);
    return lines.map((line) => JSON.parse(line));
  }

  /** Submits a request, and gives its events, without what differs from run to run. */
  answer(request) {
    this.number("submit", request);
    return this.run().map(({ id, timings, ...event }) => event);
  }
}

/** A module with a model in it. */
export function loaded(path, options = {}) {
  const module = new Module();
  module.read(readFileSync(path));
  module.json("load", { name: "model", context_length: 256, ...options });
  return module;
}

/** A length as two numbers of 32 bits; one that is not known as the largest. */
function halves(n) {
  if (n === Infinity) return [0xffffffff, 0xffffffff];
  return [n % 2 ** 32, Math.floor(n / 2 ** 32)];
}
