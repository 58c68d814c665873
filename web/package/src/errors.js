// What goes wrong, as one class: the kind says whose turn it is, `detail` holds the values.

/**
 * @typedef {"input" | "capacity" | "storage" | "network" | "bug" | "closed" | "aborted"} Kind
 * @typedef {{ kind: Kind, message: string, detail: Record<string, unknown> }} WireError
 */

/** @type {readonly Kind[]} */
const KINDS = ["input", "capacity", "storage", "network", "bug", "closed", "aborted"];

/** An error of this package. */
export class TrinityError extends Error {
  /**
   * @param {Kind} kind
   * @param {string} message
   * @param {Record<string, unknown>} [detail]
   * @param {unknown} [cause]
   */
  constructor(kind, message, detail = {}, cause = undefined) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "TrinityError";
    this.kind = kind;
    this.detail = detail;
  }
}

/**
 * Makes a `TrinityError` of whatever was thrown; what nobody foresaw is a bug.
 * @param {unknown} thrown
 * @returns {TrinityError}
 */
export function asTrinityError(thrown) {
  if (thrown instanceof TrinityError) return thrown;
  const { name, message } = describe(thrown);
  if (name === "AbortError") return aborted();
  return new TrinityError("bug", `${name}: ${message}`, {}, thrown);
}

/** @param {unknown} thrown */
export function describe(thrown) {
  if (thrown instanceof Error) return { name: thrown.name, message: thrown.message };
  return { name: "Error", message: String(thrown) };
}

/** @returns {TrinityError} */
export function aborted() {
  return new TrinityError("aborted", "the caller aborted it");
}

/** @returns {TrinityError} */
export function closed() {
  return new TrinityError("closed", "the model is closed");
}

/**
 * Error as it crosses from the worker to the page: class and prototype would be lost.
 * @param {unknown} thrown
 * @returns {WireError}
 */
export function toWire(thrown) {
  const { kind, message, detail } = asTrinityError(thrown);
  return { kind, message, detail };
}

/**
 * @param {WireError} wire
 * @returns {TrinityError}
 */
export function fromWire(wire) {
  const kind = KINDS.includes(wire.kind) ? wire.kind : "bug";
  return new TrinityError(kind, wire.message, wire.detail);
}
