// Models that stay with the browser, in the folder `trinity` of its private file system (OPFS).
//
// Each entry is `KEY.gguf`, where the key is the model's SHA-256, or a hash of its URL as long as nobody knows that.
// `KEY.part.json` says how far a download came; `KEY.json`, written last, is the mark that it is whole. Nothing without
// that mark is ever offered. Where there is no such file system (private windows, Node.js) every function finds nothing.

import { TrinityError, describe } from "./errors.js";

/**
 * @typedef {{ key: string, sha256: string, bytes: number, url: string | null, name: string, storedAt: string }} Entry
 * @typedef {{ validator: string, length: number, bytes: number }} PartState
 * @typedef {{
 *   read(view: Uint8Array, options: { at: number }): number,
 *   write(view: Uint8Array, options: { at: number }): number,
 *   truncate(bytes: number): void, getSize(): number, flush(): void, close(): void,
 * }} AccessHandle
 */

const FOLDER = "trinity";
const LOCK = "trinity:";
const HANDLE_ATTEMPTS = 20;
const HANDLE_PAUSE_MS = 50;

/**
 * @param {boolean} create
 * @returns {Promise<FileSystemDirectoryHandle | null>}
 */
async function folder(create) {
  try {
    const root = await navigator.storage.getDirectory();
    return await root.getDirectoryHandle(FOLDER, { create });
  } catch {
    return null;
  }
}

/**
 * Says why nothing can be kept here, or null where it can.
 * @returns {Promise<string | null>}
 */
export async function whyNot() {
  if (typeof navigator === "undefined" || !navigator.storage?.getDirectory) return "there is no private file system here";
  try {
    await navigator.storage.getDirectory();
    return null;
  } catch (error) {
    return `the private file system cannot be opened: ${describe(error).message}`;
  }
}

/**
 * Runs `work` while no other tab works on the entry `key` (shared: while none writes it).
 * @template T
 * @param {string} key
 * @param {"exclusive" | "shared"} mode
 * @param {AbortSignal} signal
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(key, mode, signal, work) {
  if (typeof navigator === "undefined" || !navigator.locks) return work();
  return navigator.locks.request(LOCK + key, { mode, signal }, work);
}

/**
 * Key of what `url` gives, as long as its SHA-256 is not known.
 * @param {string} url
 */
export async function urlKey(url) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(url));
  return "url-" + [...new Uint8Array(digest).subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {FileSystemDirectoryHandle} at
 * @param {string} name
 * @returns {Promise<any>} null where the file is missing or is no JSON, as after a crash
 */
async function readJson(at, name) {
  try {
    return JSON.parse(await (await (await at.getFileHandle(name)).getFile()).text());
  } catch {
    return null;
  }
}

/**
 * @param {FileSystemDirectoryHandle} at
 * @param {string} name
 * @param {unknown} value
 */
async function writeJson(at, name, value) {
  const handle = await accessHandle(await at.getFileHandle(name, { create: true }));
  try {
    const text = new TextEncoder().encode(JSON.stringify(value));
    handle.truncate(0);
    if (handle.write(text, { at: 0 }) < text.length) throw new DOMException(`${name}: not all of it was written`, "QuotaExceededError");
    handle.flush();
  } finally {
    handle.close();
  }
}

/**
 * @param {FileSystemFileHandle} file
 * @param {object} [options]
 * @returns {Promise<AccessHandle>}
 */
async function accessHandle(file, options) {
  for (let i = 1; ; i += 1) {
    try {
      // Only workers have it; the types of the page's library do not know it.
      return await /** @type {any} */ (file).createSyncAccessHandle(options);
    } catch (error) {
      // A worker that was ended lets its locks go before its files.
      if (i === HANDLE_ATTEMPTS || describe(error).name !== "NoModificationAllowedError") throw error;
      await new Promise((resolve) => setTimeout(resolve, HANDLE_PAUSE_MS));
    }
  }
}

/**
 * @param {FileSystemDirectoryHandle} at
 * @param {string} name
 */
async function removeFile(at, name) {
  try {
    await at.removeEntry(name);
  } catch (error) {
    if (describe(error).name !== "NotFoundError") throw error;
  }
}

/**
 * All whole entries.
 * @returns {Promise<Entry[]>}
 */
export async function list() {
  const at = await folder(false);
  if (!at) return [];
  const entries = [];
  // The types of the page's library have no iteration of folders yet.
  for await (const name of /** @type {any} */ (at).keys()) {
    if (!name.endsWith(".json") || name.endsWith(".part.json")) continue;
    const entry = await readJson(at, name);
    if (entry) entries.push(entry);
  }
  return entries.sort((a, b) => (a.storedAt < b.storedAt ? 1 : -1));
}

/**
 * The entry with this SHA-256, or the newest that came from this URL.
 * @param {{ sha256?: string, url?: string }} wanted
 * @returns {Promise<Entry | null>}
 */
export async function find({ sha256, url }) {
  const fits = (/** @type {Entry} */ entry) => (sha256 ? entry.sha256 === sha256 : entry.url === url);
  return (await list()).find(fits) ?? null;
}

/**
 * Removes the model with this SHA-256 (or key), whole or half.
 * @param {string} id
 */
export async function remove(id) {
  const at = await folder(false);
  if (!at) return;
  const keys = (await list()).filter((entry) => entry.sha256 === id).map((entry) => entry.key);
  for (const key of new Set([...keys, id])) {
    // The mark first: whatever stops this halfway leaves no entry that looks whole.
    for (const end of [".json", ".part.json", ".gguf"]) await removeFile(at, key + end);
  }
}

/**
 * The file of a stored model, as a `File` that can be saved or sent on.
 * @param {string} sha256
 */
export async function exportFile(sha256) {
  const entry = await find({ sha256 });
  const at = await folder(false);
  if (!entry || !at) throw new TrinityError("storage", `no model with the SHA-256 ${sha256} is stored here`, { sha256 });
  const file = await (await at.getFileHandle(entry.key + ".gguf")).getFile();
  return new File([file], entry.name, { type: "application/octet-stream" });
}

/**
 * Bytes that this origin uses and may use, as the browser estimates them.
 * @returns {Promise<{ usage: number, quota: number, persisted: boolean } | null>}
 */
export async function estimate() {
  if (await whyNot()) return null;
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { usage, quota, persisted: (await navigator.storage.persisted?.()) ?? false };
}

/** Asks the browser not to clear this origin by itself; to be called from a user's action, as some browsers ask him. */
export async function persist() {
  return (await navigator.storage?.persist?.()) ?? false;
}

/** Reads a stored model piece by piece. */
export class Reader {
  /**
   * @param {AccessHandle | null} handle
   * @param {Blob} blob
   */
  constructor(handle, blob) {
    this.handle = handle;
    this.blob = blob;
  }

  /**
   * @param {string} key
   * @returns {Promise<Reader | null>} null where there is no such file
   */
  static async open(key) {
    const at = await folder(false);
    if (!at) return null;
    try {
      const file = await at.getFileHandle(key + ".gguf");
      // Without modes a handle is exclusive, which would shut other tabs out.
      const Handle = /** @type {any} */ (globalThis).FileSystemSyncAccessHandle;
      const handle = Handle && "mode" in Handle.prototype ? await accessHandle(file, { mode: "read-only" }) : null;
      return new Reader(handle, await file.getFile());
    } catch (error) {
      if (describe(error).name === "NotFoundError") return null;
      throw error;
    }
  }

  /**
   * Fills `view` from byte `at` on.
   * @param {Uint8Array} view
   * @param {number} at
   */
  async read(view, at) {
    if (this.handle) {
      const n = this.handle.read(view, { at });
      if (n !== view.length) throw new TrinityError("storage", `the stored file ends at byte ${at + n}, not ${at + view.length}`);
      return;
    }
    const piece = await this.blob.slice(at, at + view.length).arrayBuffer();
    if (piece.byteLength !== view.length) {
      throw new TrinityError("storage", `the stored file ends at byte ${at + piece.byteLength}, not ${at + view.length}`);
    }
    view.set(new Uint8Array(piece));
  }

  close() {
    this.handle?.close();
  }
}

/** Writes a download, so that it can go on where it was cut off. */
export class Part {
  #found = 0;

  /**
   * @param {FileSystemDirectoryHandle} at
   * @param {string} key
   * @param {AccessHandle} handle
   */
  constructor(at, key, handle) {
    this.at = at;
    this.key = key;
    this.handle = handle;
    this.bytes = 0;
  }

  /**
   * What is there of an earlier download. The entry must be locked.
   * @param {string} key
   * @returns {Promise<PartState | null>}
   */
  static async state(key) {
    const at = await folder(false);
    const state = at && (await readJson(at, key + ".part.json"));
    const isSound = state && typeof state.validator === "string" && state.bytes > 0 && state.bytes <= state.length;
    return isSound ? state : null;
  }

  /**
   * Opens the entry for writing from byte `from` on. The entry must be locked.
   * @param {string} key
   * @param {number} from
   * @returns {Promise<Part | null>} null where nothing can be kept
   */
  static async open(key, from) {
    const at = await folder(true);
    if (!at) return null;
    const handle = await accessHandle(await at.getFileHandle(key + ".gguf", { create: true }));
    const part = new Part(at, key, handle);
    part.#found = handle.getSize();
    handle.truncate(from);
    part.bytes = from;
    return part;
  }

  /**
   * Whether fewer than `bytes` are there, as the file system lost some.
   * @param {number} bytes
   */
  isShort(bytes) {
    return this.#found < bytes;
  }

  /**
   * @param {Uint8Array} view
   * @param {number} at
   */
  read(view, at) {
    const n = this.handle.read(view, { at });
    if (n !== view.length) throw new TrinityError("storage", `the stored file ends at byte ${at + n}, not ${at + view.length}`);
  }

  /** @param {Uint8Array} chunk */
  write(chunk) {
    const n = this.handle.write(chunk, { at: this.bytes });
    if (n < chunk.length) throw new DOMException(`only ${n} of ${chunk.length} bytes were written`, "QuotaExceededError");
    this.bytes += n;
  }

  /**
   * Makes sure of what was written so far, and says so for a later download.
   * @param {string} validator
   * @param {number} length
   */
  async save(validator, length) {
    this.handle.flush();
    await writeJson(this.at, this.key + ".part.json", { validator, length, bytes: this.bytes });
  }

  /** Forgets how far it came: from now on it starts over. */
  async restart() {
    await removeFile(this.at, this.key + ".part.json");
    this.handle.truncate(0);
    this.bytes = 0;
  }

  /**
   * Marks the entry as whole; the caller has verified it.
   * @param {{ sha256: string, url: string | null, name: string }} about
   * @returns {Promise<Entry>}
   */
  async commit({ sha256, url, name }) {
    this.handle.flush();
    this.handle.close();
    const entry = { key: this.key, sha256, bytes: this.bytes, url, name, storedAt: new Date().toISOString() };
    const twin = await find({ sha256 });
    // Another tab may be reading it: then both stay.
    if (twin && twin.key !== this.key) await remove(twin.key).catch(() => {});
    await writeJson(this.at, this.key + ".json", entry);
    await removeFile(this.at, this.key + ".part.json");
    return entry;
  }

  /** Closes the file and leaves what is there. */
  close() {
    try {
      this.handle.close();
    } catch {
      // It was closed.
    }
  }

  /** Closes the file and leaves nothing. */
  async discard() {
    this.close();
    await remove(this.key);
  }
}
