// A file from a URL, in order, whatever the connection does: what is cut off goes on where it stopped, what has changed
// in between starts over, and what cannot be had is an error that says how far it came.

import { TrinityError, aborted, describe } from "./errors.js";

/**
 * Who takes the bytes. `start` may come again: then everything so far is void.
 * @typedef {{
 *   start(length: number | null, validator: string): Promise<void> | void,
 *   put(chunk: Uint8Array): Promise<void> | void,
 * }} Sink
 *
 * What is there already: so many bytes of a file that the server named by `validator`.
 * @typedef {{ bytes: number, length: number, validator: string }} Resume
 */

/** Times that a connection may break without one new byte before it is given up. */
const ATTEMPTS_MAX = 4;
const PAUSE_MS = [0, 200, 1000];
/** Times that a file may change while it is downloaded. */
const RESTARTS_MAX = 3;

/**
 * Downloads `url` into `sink`; with `resume` the sink has these bytes and `start` was called for them.
 * @param {string} url
 * @param {Sink} sink
 * @param {{ signal: AbortSignal, resume?: Resume | null }} options
 * @returns {Promise<{ bytes: number, validator: string }>}
 */
export async function download(url, sink, { signal, resume = null }) {
  let [bytes, length, validator] = resume ? [resume.bytes, resume.length, resume.validator] : [0, /** @type {number | null} */ (null), ""];
  let isStarted = resume !== null;
  let [nFailed, nRestarts, bytesMost] = [0, 0, bytes];
  for (;;) {
    if (isStarted && length !== null && bytes === length) return { bytes, validator };
    let problem = "";
    try {
      const response = await request(url, bytes, validator, signal);
      const had = response.headers.get("etag") ?? response.headers.get("last-modified") ?? "";
      const isContinued = response.status === 206 && continues(response, bytes, length, validator, had);
      if (!isContinued) {
        if (isStarted && bytes > 0 && (nRestarts += 1) > RESTARTS_MAX) {
          await response.body?.cancel();
          throw failed(url, `it starts over each time after ${bytesMost} bytes`, bytes);
        }
        if (response.status === 206 && bytes > 0) {
          // Another file by now: its middle is no use.
          await response.body?.cancel();
          [bytes, length, validator, isStarted] = [0, null, "", false];
          continue;
        }
        [bytes, length, validator] = [0, lengthOf(response), had];
        await sink.start(length, validator);
        isStarted = true;
      }
      for await (const chunk of chunks(response, signal)) {
        const over = length !== null && bytes + chunk.length > length;
        if (over) throw failed(url, `it has more than the ${length} bytes that the server announced`, bytes);
        await sink.put(chunk);
        bytes += chunk.length;
      }
      if (length === null || bytes === length) return { bytes, validator };
      problem = `the connection ended after ${bytes} of ${length} bytes`;
    } catch (error) {
      if (signal.aborted) throw aborted();
      if (error instanceof TrinityError) throw error;
      problem = `${describe(error).message} (after ${bytes}${length === null ? "" : ` of ${length}`} bytes)`;
      // Bytes that were compressed on the way cannot be counted from the server's side.
      if (length === null && bytes > 0) {
        [bytes, validator, isStarted] = [0, "", false];
      }
    }
    nFailed = bytes > bytesMost ? 1 : nFailed + 1;
    bytesMost = Math.max(bytesMost, bytes);
    if (nFailed >= ATTEMPTS_MAX) throw failed(url, problem, bytes, length);
    await pause(PAUSE_MS[Math.min(nFailed - 1, PAUSE_MS.length - 1)] ?? 0, signal);
  }
}

/**
 * @param {string} url
 * @param {string} problem
 * @param {number} bytes
 * @param {number | null} [length]
 */
function failed(url, problem, bytes, length = null) {
  return new TrinityError("network", `${url}: ${problem}`, { url, bytes, length });
}

/**
 * @param {string} url
 * @param {number} from
 * @param {string} validator
 * @param {AbortSignal} signal
 */
async function request(url, from, validator, signal) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (from > 0) {
    headers.Range = `bytes=${from}-`;
    // Other origins would have to allow this header first; what they answer is compared instead. A weak tag is of no
    // use here (RFC 9110, 13.1.5).
    if (isSameOrigin(url) && !validator.startsWith("W/")) headers["If-Range"] = validator;
  }
  // The file is kept once, by us, and not a second time in the cache of HTTP.
  const response = await fetch(url, { headers, signal, cache: "no-store" });
  if (response.status === 200 || response.status === 206) return response;
  await response.body?.cancel();
  if (response.status === 416 && from > 0) {
    // Shorter by now: the whole file, from its beginning.
    return request(url, 0, "", signal);
  }
  const isPassing = response.status >= 500 || response.status === 408 || response.status === 429;
  const text = `the server answered ${response.status} ${response.statusText}`.trimEnd();
  if (isPassing) throw new Error(text);
  throw new TrinityError("network", `${url}: ${text}`, { url, status: response.status, bytes: from });
}

/** @param {string} url */
function isSameOrigin(url) {
  const here = globalThis.location?.origin;
  // Outside of browsers there are no origins.
  return here === undefined || new URL(url, here).origin === here;
}

/**
 * Whether a partial answer goes on where we are, in the same file.
 * @param {Response} response
 * @param {number} bytes
 * @param {number | null} length
 * @param {string} validator
 * @param {string} had
 */
function continues(response, bytes, length, validator, had) {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  // Other origins may hide the header; their length is what is left.
  const left = Number(response.headers.get("content-length"));
  const [from, total] = range ? [Number(range[1]), Number(range[2])] : [bytes, bytes + left];
  return from === bytes && (length === null || Number.isNaN(total) || total === length) && had === validator && validator !== "";
}

/**
 * Bytes that will come, or null where nobody can know: what is compressed on the way has another length there.
 * @param {Response} response
 */
function lengthOf(response) {
  const coding = response.headers.get("content-encoding");
  const length = response.headers.get("content-length");
  return (coding === null || coding === "identity") && length !== null && /^\d+$/.test(length) ? Number(length) : null;
}

/**
 * @param {Response} response
 * @param {AbortSignal} signal
 */
async function* chunks(response, signal) {
  if (!response.body) return;
  const reader = response.body.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (signal.aborted) throw aborted();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(aborted())), { once: true });
  });
}
