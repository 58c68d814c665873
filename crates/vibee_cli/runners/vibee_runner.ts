// Answers `vibee test SPEC --impl 'node this.js'`: the runner protocol, version 1.
//
//     import { serve, Err, Ok, Fault } from "./vibee_runner.js";
//     serve({ "keep_alive.of_text": ({ text }) => ofText(text) }, { name: "mine", version: "1.0" });
//
// A function gets its arguments by name, as the JSON of the protocol: Int is a number (text from 2^53 on: `toBigInt`),
// Float a number or text (`toFloat`), enum "case" or { case: { ... } }, Option null or { some: value }. It returns the
// same; bigint, NaN, infinities and -0 are written as the protocol wants them. A function whose specification returns
// Result returns new Ok(value) or new Err(value); a fault is thrown as new Fault("overflow").

import * as readline from "node:readline";

/** The value of a Result that went well. */
export class Ok {
  constructor(readonly value: unknown) {}
}

/** The error of a Result that went wrong. */
export class Err {
  constructor(readonly value: unknown) {}
}

/** A fault by its name: overflow, div_zero, range, index, ... */
export class Fault extends Error {
  constructor(readonly kind: string) {
    super(kind);
  }
}

/** What a specification's function takes: its arguments by name. */
export type Args = Readonly<Record<string, unknown>>;

/** A function of the implementation. */
export type Implementation = (args: any) => unknown;

/** What an implementation says of itself. */
export interface About {
  readonly name: string;
  readonly version: string;
  /** Functions that are not right yet, with the reason. */
  readonly pending?: readonly (readonly [string, string])[];
}

/** Reads an Int of any size. */
export function toBigInt(value: unknown): bigint {
  return BigInt(value as number | string);
}

/** Reads a Float: a number, or "NaN", "Infinity", "-Infinity", "-0". */
export function toFloat(value: unknown): number {
  return value === "-0" ? -0 : Number(value);
}

/** Writes what JSON cannot say. */
export function encode(value: unknown): unknown {
  if (typeof value === "bigint") {
    return value > -(2n ** 53n) && value < 2n ** 53n ? Number(value) : value.toString();
  }
  if (typeof value === "number") {
    if (Number.isNaN(value)) return "NaN";
    if (!Number.isFinite(value)) return value > 0 ? "Infinity" : "-Infinity";
    return Object.is(value, -0) ? "-0" : value;
  }
  if (Array.isArray(value)) return value.map(encode);
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, of]) => [key, encode(of)]));
  }
  return value;
}

function answer(functions: Readonly<Record<string, Implementation>>, name: string, args: Args): object {
  const called = Object.hasOwn(functions, name) ? functions[name] : undefined;
  if (called === undefined) return { unsupported: true };
  try {
    const value = called(args);
    if (value instanceof Err) return { err: encode(value.value) };
    return { ok: encode(value instanceof Ok ? value.value : value) };
  } catch (error) {
    if (error instanceof Fault) return { fault: error.kind };
    throw error;
  }
}

/** Answers requests on standard input until `bye`. */
export function serve(functions: Readonly<Record<string, Implementation>>, about: About): void {
  const modules = [...new Set(Object.keys(functions).map((name) => name.split(".")[0]))].sort();
  const pending = (about.pending ?? []).map(([fn, why]) => ({ fn, why }));
  const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
  lines.on("line", (line) => {
    const request = JSON.parse(line);
    if (request.do === "bye") {
      lines.close();
      return;
    }
    let reply: object = { unsupported: true };
    if (request.do === "hello") reply = { impl: about.name, version: about.version, modules, pending };
    if (request.do === "call") reply = answer(functions, request.fn, request.args);
    process.stdout.write(JSON.stringify({ id: request.id, ...reply }) + "\n");
  });
}
