/** `onnxruntime-web` or `onnxruntime-node`, as imported: what of it is used here. */
export interface OnnxRuntime {
  InferenceSession: { create(model: Uint8Array, options?: object): Promise<Session> };
  Tensor: new (type: any, data: any, dims?: readonly number[]) => unknown;
}
interface Session {
  run(feeds: any): Promise<any>;
  release(): Promise<void>;
}

export interface Options {
  /**
   * Where the kit's `model/` is served; default: beside `bertkit/`, which a bundler moves. A page's own address is its base.
   */
  folder?: string | URL;
  /** Reads a file of that folder; default: the platform's `fetch`, and in Node what reads files too. */
  fetch?: (url: URL, options?: { signal?: AbortSignal }) => Promise<Response>;
  /** Keeps model and vocabulary for the next time, until another export's come: `await caches.open("news")`. */
  cache?: Cache;
  /** Ends the loading, which then throws the signal's reason. */
  signal?: AbortSignal;
  /** Called while files come in, with bytes; `total` is null where the server does not say it. */
  onProgress?: (progress: { file: string; loaded: number; total: number | null }) => void;
  /** Options of `InferenceSession.create`. */
  session?: object;
}

/** What is aborted throws the signal's reason; one that has not begun does not run. */
export interface Asking {
  signal?: AbortSignal;
}

export type KitErrorCode =
  | "notText"
  | "invalidVocabulary"
  | "invalidSettings"
  | "invalidOption"
  | "missingFile"
  | "wrongTexts"
  | "cannotTruncate"
  | "lengthTooShort"
  | "unexpectedOutput"
  | "runtime";

/** All that can go wrong, with what was expected and what was found. */
export class KitError extends Error {
  readonly code: KitErrorCode;
}

export type TruncationStrategy = "longest_first" | "only_first" | "only_second";
export type Problem =
  | "single_label_classification"
  | "multi_label_classification"
  | "regression"
  | "score"
  | "text_ranking"
  | "token_classification"
  | "question_answering"
  | "embedding";

/** kit.json: what the exporter knew of the model. */
export interface KitSettings {
  readonly bertport: string;
  readonly source: string;
  readonly target: string;
  readonly task: string;
  readonly scheme: string;
  /** SHA-256 of the bundle's manifest: which export this is. */
  readonly manifestSha256: string;
  readonly problem: Problem;
  readonly labels: readonly string[];
  /** What makes scores of a classifier's logits. */
  readonly activation: "softmax" | "sigmoid" | "none";
  /** Whether a text is two: a premise and a hypothesis, a query and a passage. */
  readonly readsPairs: boolean;
  /** What stands before every text, and before the first of two; nothing for most models. */
  readonly prompt: string;
  /** Where a text is truncated, special tokens included. */
  readonly maxTokens: number;
  readonly inputs: readonly { name: string; dtype: "int32" | "int64" }[];
  readonly outputs: readonly string[];
  /** Those of `outputs` that have a row for each token. */
  readonly tokenOutputs: readonly string[];
  /** Beside kit.json; the first is the model. */
  readonly models: readonly { file: string; length?: number; function?: string }[];
  readonly computeUnits?: string;
  /** What was measured at the export; `toleranceAbsolute` is the budget in logits. */
  readonly parity: { verdict: "pass" | "fail"; text: string; toleranceAbsolute: number };
  readonly shown: ShownSettings;
  readonly tokenizer: TokenizerSettings;
}

/** What a user is shown of the model's outputs: as transformers' pipelines do. */
export interface ShownSettings {
  /** Tokens of an answer at most. */
  readonly longestAnswer: number;
  /** Tokens of a question and a window of its context at most, and how many of them the next window repeats. */
  readonly windowTokens: number;
  readonly sharedTokens: number;
  /** Of several labels those with a logit above it are shown. */
  readonly likelyLogit: number;
  /**
   * What each label says of entities. Two neighbours of one `kind` are one entity unless the second `begins` one; `shown`
   * is its label, which an entity that is not shown has not.
   */
  readonly tags: readonly { kind: string; begins: boolean; shown?: string }[];
}

export interface TokenizerSettings {
  readonly truncationStrategy: TruncationStrategy;
  readonly [name: string]: unknown;
}

/**
 * Texts as the model reads them. The arrays are of one length; `starts` and `ends` are positions in the string that a
 * token came from (its `sequence`), as `slice` takes them. A special token has none of its own: 0, 0, sequence and word -1.
 */
export interface Encoding {
  ids: number[];
  typeIds: number[];
  attentionMask: number[];
  starts: number[];
  ends: number[];
  /** 0 for tokens of the first text, 1 of the second. */
  sequences: number[];
  /** The word of a token, counted from 0 in its text. */
  words: number[];
}

/** BERT's tokenizer: the ids, type ids, mask and offsets that Hugging Face's `tokenizers` gives. */
export class WordPieceTokenizer {
  /** `settings`: `tokenizer` of kit.json; `vocabulary`: the bytes of vocab.txt. Throws `invalidVocabulary`. */
  constructor(settings: TokenizerSettings, vocabulary: Uint8Array);
  readonly settings: TokenizerSettings;
  /**
   * One text, or a pair of texts, cut to `maxLength` tokens (special ones included) if that is given.
   *
   * A lone surrogate is treated as U+FFFD, which is what UTF-8 makes of it. Throws `notText`, `cannotTruncate`,
   * `lengthTooShort` and `invalidOption`.
   */
  encode(
    text: string,
    options?: { pair?: string | null; maxLength?: number; truncation?: TruncationStrategy },
  ): Encoding;
  /**
   * A pair as one encoding or, where it has more than `maxLength` tokens, as several: the first text in each, of the
   * second a window. `stride` tokens of a window stand in the next one too.
   *
   * They are Hugging Face's with `truncation="only_second"`, `stride` and `return_overflowing_tokens`. Where the first
   * text leaves no more room than the stride, which they refuse, windows share half of the room. Throws `notText`,
   * `cannotTruncate` where it leaves none, `lengthTooShort` and `invalidOption`.
   */
  windows(text: string, pair: string, options: { maxLength: number; stride: number }): Encoding[];
}

/** Texts → the model's outputs: for what the classes of the tasks do not do. */
export class Predictor {
  static load(ort: OnnxRuntime, options?: Options): Promise<Predictor>;
  readonly settings: KitSettings;
  readonly tokenizer: WordPieceTokenizer;
  /** Cut to the most tokens that the model takes. */
  encode(text: string, pair?: string | null): Encoding;
  /** Output name → numbers in the order of its shape. */
  outputs(encoding: Encoding, options?: Asking): Promise<Record<string, Float32Array>>;
  close(): Promise<void>;
}

declare class Task {
  /** Reads the model, and makes it ready. Throws `missingFile`, `invalidSettings`, `invalidVocabulary` and `runtime`. */
  static load<T>(this: { prototype: T }, ort: OnnxRuntime, options?: Options): Promise<T>;
  readonly settings: KitSettings;
  readonly tokenizer: WordPieceTokenizer;
  /** Frees the model's memory. */
  close(): Promise<void>;
}

/** A label and how likely it is; in regression the value itself. */
export interface LabelScore {
  label: string;
  score: number;
}

/** Text in, labels out. Make one and keep it; calls may overlap. */
export class TextClassifier extends Task {
  /** The labels of a text, or of a pair of texts, the most likely first. Throws `wrongTexts` where the model reads the other. */
  classify(text: string, pair?: string | null, options?: Asking): Promise<LabelScore[]>;
}

/** A stretch of the text that is something: `text.slice(start, end)`, what it is, and how likely. */
export interface Entity {
  label: string;
  score: number;
  start: number;
  end: number;
  text: string;
}

/** Text in, entities out. Make one and keep it; calls may overlap. */
export class EntityFinder extends Task {
  /** The entities of a text in their order; of a text longer than the model takes, those in its beginning. */
  entities(text: string, options?: Asking): Promise<Entity[]>;
}

/** `context.slice(start, end)`, whole words; `noAnswer` is how likely it is that there is none here (SQuAD 2). */
export interface Answer {
  text: string;
  score: number;
  noAnswer: number;
  start: number;
  end: number;
}

/** Question and context in, an answer out. Make one and keep it; calls may overlap. */
export class AnswerFinder extends Task {
  /**
   * The best answer of at most `longest` tokens; null where there is nothing in the context to answer with.
   *
   * A long context is read to its end: in windows, of which neighbours share `stride` tokens, and each is one
   * prediction; what is not given is as kit.json says under `shown`. Throws
   * `cannotTruncate` for a question that leaves the context no room.
   */
  answer(question: string, context: string, options?: Asking & { longest?: number; stride?: number }): Promise<Answer | null>;
}

/** One vector of a text; texts that mean the same point the same way. */
export class Embedding {
  constructor(values: Float32Array);
  readonly values: Float32Array;
  /** Cosine of the angle to another: 1 for the same direction; 0 where one has no length. */
  similarity(other: Embedding): number;
}

/** Text in, vector out, pooled as the checkpoint's sentence-transformers files say. Make one and keep it. */
export class TextEmbedder extends Task {
  /** The vector of a text; of one longer than the model takes, that of its beginning. */
  embed(text: string, options?: Asking): Promise<Embedding>;
}
