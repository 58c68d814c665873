// The way of a model into the module's memory: from the browser's storage, a URL, a file or a stream; always planned
// before the weights come, read straight to where they stay, and verified.

import { download } from "./download.js";
import { PIECE_BYTES } from "./engine.js";
import { TrinityError, aborted, describe } from "./errors.js";
import { Intake, checkedPlan, settle } from "./intake.js";
import { nodeModule } from "./protocol.js";
import { Part, Reader, find, remove, urlKey, whyNot, withLock } from "./storage.js";
import { tick } from "./tick.js";

/**
 * @typedef {import("./intake.js").Task} Task
 * @typedef {import("./intake.js").Loaded} Loaded
 */

/** First piece of a file that is read, to plan with. */
const HEAD_BYTES = 256 << 10;

/**
 * @param {Task} task
 * @param {{ kind: string, [field: string]: any }} source
 * @returns {Promise<Loaded>}
 */
export async function obtain(task, source) {
  const why = await whyNot();
  if (source.kind === "blob") return fromBlob(task, source.blob, source.name || "model.gguf", why);
  if (source.kind === "stream") return fromStream(task, why);
  if (source.kind === "stored") return fromStorage(task, source.sha256, why);
  const { url } = source;
  if (url.startsWith("file:")) return fromDisk(task, url);
  const wanted = task.sha256 ? { sha256: task.sha256 } : { url };
  const stored = why === null ? await readIfStored(task, wanted) : null;
  if (stored) return stored;
  if (why !== null || task.store === false) return fromNetwork(task, url, null, why ?? "the caller does not want it stored");
  const key = task.sha256 ?? (await urlKey(url));
  // Whoever waited for another tab finds what that has stored.
  return withLock(key, "exclusive", task.signal, async () => {
    return (await readIfStored(task, wanted, key)) ?? fromNetwork(task, url, key, "");
  });
}

/**
 * @param {Task} task
 * @param {string} sha256
 * @param {string | null} why
 */
async function fromStorage(task, sha256, why) {
  const loaded = why === null ? await readIfStored(task, { sha256 }) : null;
  if (loaded) return loaded;
  const text = `no model with the SHA-256 ${sha256} is stored here` + (why === null ? "" : `: ${why}`);
  throw new TrinityError("storage", text, { sha256 });
}

/**
 * Reads what is stored, verified; null where nothing is, which is no error: browsers clear storage.
 * @param {Task} task
 * @param {{ sha256?: string, url?: string }} wanted
 * @param {string} [locked] key of the entry that the caller has locked
 * @returns {Promise<Loaded | null>}
 */
async function readIfStored(task, wanted, locked) {
  const entry = await find(wanted);
  if (!entry) return null;
  const read = async () => {
    const reader = await Reader.open(entry.key);
    if (!reader) return null;
    const loaded = { sha256: entry.sha256, bytes: entry.bytes, name: entry.name, storage: /** @type {const} */ ("opfs"), why: "" };
    try {
      await readAll(task, entry.bytes, (view, at) => reader.read(view, at));
      settle(task, entry.sha256);
    } catch (error) {
      if (!(error instanceof TrinityError) || error.kind !== "storage") throw error;
      reader.close();
      await remove(entry.key);
      const text = `${entry.name}: the stored model is damaged (${error.message}); it is removed, loading it again downloads it`;
      throw new TrinityError("storage", text, { ...error.detail, isRemoved: true, url: entry.url }, error);
    } finally {
      reader.close();
    }
    task.prepare(loaded);
    return loaded;
  };
  return entry.key === locked ? read() : withLock(entry.key, "shared", task.signal, read);
}

/**
 * Reads a whole file to where it stays, after its plan.
 * @param {Task} task
 * @param {number} length
 * @param {(view: Uint8Array, at: number) => Promise<void>} read
 */
async function readAll(task, length, read) {
  const { engine, signal } = task;
  for (let needed = HEAD_BYTES; needed > 0; ) {
    const head = new Uint8Array(Math.min(needed, length));
    await read(head, 0);
    needed = checkedPlan(task, head, length);
  }
  engine.begin(length);
  for (let at = 0; at < length; ) {
    const room = engine.room(PIECE_BYTES);
    await read(room, at);
    engine.filled(room.length);
    at += room.length;
    task.progress("read", at, length);
    await tick();
    if (signal.aborted) throw aborted();
  }
}

/**
 * @param {Task} task
 * @param {string} url
 * @returns {Promise<Loaded>}
 */
async function fromDisk(task, url) {
  const { open } = await nodeModule("fs/promises");
  const file = await open(new URL(url)).catch((/** @type {unknown} */ error) => {
    throw new TrinityError("input", `${url}: ${describe(error).message}`, { url }, error);
  });
  try {
    const { size } = await file.stat();
    await readAll(task, size, async (view, at) => {
      const { bytesRead } = await file.read(view, 0, view.length, at);
      if (bytesRead < view.length) throw new TrinityError("input", `${url}: it ended at byte ${at + bytesRead} of ${size}`);
    });
    const { sha256, bytes } = settle(task, task.sha256, "input", url);
    const loaded = { sha256, bytes, name: nameOf(url), storage: /** @type {const} */ ("none"), why: "it is a file" };
    task.prepare(loaded);
    return loaded;
  } finally {
    await file.close();
  }
}

/**
 * @param {Task} task
 * @param {Blob} blob
 * @param {string} name
 * @param {string | null} why
 */
async function fromBlob(task, blob, name, why) {
  const id = `${name}:${blob.size}:${blob instanceof File ? blob.lastModified : ""}`;
  const isStored = task.store === true && why === null;
  const key = isStored ? (task.sha256 ?? (await urlKey("file:" + id))) : null;
  const notKept = task.store ? (why ?? "") : "it is a file";
  const intake = new Intake(task, { key, url: null, name, phase: "read", why: notKept, failure: "input" });
  const work = () => intake.run(async () => {
    await intake.start(blob.size, "");
    for (let at = 0; at < blob.size; at += PIECE_BYTES) {
      await intake.put(new Uint8Array(await blob.slice(at, at + PIECE_BYTES).arrayBuffer()));
      if (task.signal.aborted) throw aborted();
    }
  });
  return key === null ? work() : withLock(key, "exclusive", task.signal, work);
}

/**
 * @param {Task} task
 * @param {string | null} why
 */
async function fromStream(task, why) {
  const isStored = task.store !== false && why === null && task.sha256;
  const key = isStored ? /** @type {string} */ (task.sha256) : null;
  const notKept = why ?? (task.store === false ? "the caller does not want it stored" : "a stream without sha256 has no name");
  const intake = new Intake(task, { key, url: null, name: "model.gguf", phase: "download", why: key ? "" : notKept, failure: "input" });
  const work = () => intake.run(async () => {
    await intake.start(null, "");
    for (let chunk; (chunk = await task.pull()); ) {
      await intake.put(chunk);
      if (task.signal.aborted) throw aborted();
    }
  });
  return key === null ? work() : withLock(key, "exclusive", task.signal, work);
}

/**
 * @param {Task} task
 * @param {string} url
 * @param {string | null} key where it is stored; the caller holds its lock
 * @param {string} why
 */
async function fromNetwork(task, url, key, why) {
  const intake = new Intake(task, { key, url, name: nameOf(url), phase: "download", why, failure: "network" });
  return intake.run(async () => {
    const state = key === null ? null : await Part.state(key);
    const resume = state && (await intake.resume(state)) ? state : null;
    await download(url, intake, { signal: task.signal, resume });
  });
}

/** @param {string} url */
function nameOf(url) {
  const last = new URL(url).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(last) || "model.gguf";
  } catch {
    return last;
  }
}
