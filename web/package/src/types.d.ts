/** Language models from GGUF files, computed in the page. What each thing does: docs/web.md. */

export type ErrorKind = "input" | "capacity" | "storage" | "network" | "bug" | "closed" | "aborted";

export class TrinityError extends Error {
  kind: ErrorKind;
  detail: Record<string, unknown>;
  constructor(kind: ErrorKind, message: string, detail?: Record<string, unknown>, cause?: unknown);
}

export interface Progress {
  phase: "download" | "read" | "verify" | "prepare";
  bytes: number;
  /** 0 where nobody knows it. */
  total: number;
}

export interface LoadOptions {
  /** A URL, a file that the user chose, a stream, or `opfs:` and the SHA-256 of a model that is stored. */
  source: string | URL | Blob | ReadableStream<Uint8Array>;
  /** What the file must be, in lower case; also finds it in the browser's storage, whatever its URL was. */
  sha256?: string;
  contextLength?: number;
  threads?: number | "auto";
  kvType?: "f16" | "q8_0" | "f32" | "q4_0";
  /** Most requests that are computed together; others wait. */
  parallel?: number;
  /** For requests that name none. */
  seed?: number;
  /** Most bytes that the module may use. */
  memoryMax?: number;
  /** Whether the browser keeps the model; by default it keeps what came from the network. */
  store?: boolean;
  /** For a model that brings none: the template itself, or the name of one that the program knows, as `chatml`. */
  chatTemplate?: string;
  wasmUrl?: string | URL;
  workerUrl?: string | URL;
  onProgress?(progress: Progress): void;
  onEvent?(event: { type: "storage"; storage: "memory"; why: string }): void;
  signal?: AbortSignal;
}

export function load(options: LoadOptions): Promise<Model>;

export interface ModelInfo {
  name: string;
  architecture: string;
  fileType: string;
  nParameters: number;
  nVocab: number;
  contextLength: number;
  contextLengthTrained: number;
  sha256: string;
  bytes: number;
  hasChatTemplate: boolean;
  hasReasoning: boolean;
  grammars: boolean;
  isa: "scalar" | "simd128" | "relaxed-simd";
  threads: { count: number; why: string };
  storage: { kind: "opfs" | "memory" | "none"; why: string };
  warnings: string[];
  [field: string]: unknown;
}

export interface Message {
  role: "system" | "developer" | "user" | "assistant" | "tool";
  content: string | { type: "text"; text: string }[] | null;
  name?: string;
  tool_calls?: { id: string; type: "function"; function: { name: string; arguments: string } }[];
  tool_call_id?: string;
  reasoning_content?: string;
}

/** Names and limits of the server; `maxTokens` and `max_tokens` are the same. */
export interface GenerateOptions {
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  minP?: number;
  typicalP?: number;
  repeatPenalty?: number;
  repeatLastN?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  logitBias?: Record<string, number>;
  seed?: number;
  n?: number;
  stop?: string | string[];
  stopTokenIds?: number[];
  ignoreEos?: boolean;
  logprobs?: boolean;
  topLogprobs?: number;
  timeLimit?: number;
  jsonSchema?: object;
  responseFormat?: object;
  guidedRegex?: string;
  guidedChoice?: string[];
  grammar?: string;
  signal?: AbortSignal;
  [option: string]: unknown;
}

export interface ChatOptions extends GenerateOptions {
  tools?: object[];
  toolChoice?: string | object;
  parallelToolCalls?: boolean;
  reasoningEffort?: string;
  enableThinking?: boolean;
  chatTemplateKwargs?: Record<string, unknown>;
}

export interface TokenLogprob {
  token: number;
  text: string;
  logprob: number;
  top: { token: number; text: string; logprob: number }[];
}

/** A piece of an answer, never half a character; `choice` only where there are several. */
export interface Delta {
  text?: string;
  reasoning?: string;
  logprobs?: TokenLogprob[];
  /** The first piece of a call has its id and name; the arguments of all pieces, joined, are JSON. */
  toolCall?: { index: number; id?: string; name?: string; arguments: string };
  choice?: number;
}

export interface Choice {
  text: string;
  reasoning: string;
  toolCalls: { id: string; name: string; arguments: string }[];
  logprobs: TokenLogprob[] | null;
  finishReason: string;
  stop: string | null;
}

/** The fields of the first choice, and all of them. */
export interface Completion extends Choice {
  choices: Choice[];
  usage: { promptTokens: number; cachedTokens: number; completionTokens: number; reasoningTokens: number };
  timings: Record<string, number>;
}

export interface Stream extends AsyncIterable<Delta> {
  readonly result: Promise<Completion>;
  abort(): void;
}

export interface Model {
  readonly info: ModelInfo;
  generate(prompt: string, options?: GenerateOptions): Stream;
  chat(messages: Message[], options?: ChatOptions): Stream;
  embed(texts: string[]): Promise<Float32Array[]>;
  embedCounted(texts: string[]): Promise<{ vectors: Float32Array[]; promptTokens: number }>;
  tokenize(text: string): Promise<Uint32Array>;
  detokenize(tokens: Uint32Array | number[]): Promise<string>;
  countTokens(messages: Message[]): Promise<number>;
  render(messages: Message[]): Promise<string>;
  stats(): Promise<Record<string, any>>;
  /** Answers the OpenAI API inside the page: `new OpenAI({ fetch: model.fetch, … })`. */
  readonly fetch: typeof fetch;
  close(): Promise<void>;
}

export interface StoredModel {
  key: string;
  sha256: string;
  bytes: number;
  url: string | null;
  name: string;
  storedAt: string;
}

export const storage: {
  list(): Promise<StoredModel[]>;
  remove(sha256: string): Promise<void>;
  export(sha256: string): Promise<File>;
  estimate(): Promise<{ usage: number; quota: number; persisted: boolean } | null>;
  persist(): Promise<boolean>;
};
