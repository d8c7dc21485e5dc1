import { KitError } from "./errors.js";
import { KitFiles } from "./files.js";
import { WordPieceTokenizer } from "./tokenizer.js";

const VALUES = { input_ids: "ids", attention_mask: "attentionMask", token_type_ids: "typeIds" };

/** Texts → the model's outputs. ONNX Runtime takes one run at a time of a session; all of them wait in one queue. */
export class Predictor {
  #ort;
  #session;
  #last = Promise.resolve();

  constructor(ort, settings, tokenizer, session) {
    this.#ort = ort;
    this.#session = session;
    this.settings = settings;
    this.tokenizer = tokenizer;
  }

  /** See `Options` in index.d.ts. */
  static async load(ort, { session = {}, ...options } = {}) {
    const files = new KitFiles(options);
    const settings = parse(new TextDecoder().decode(await files.read("kit.json")));
    const names = ["vocab.txt", settings.models[0].file];
    const [vocabulary, model] = await Promise.all(names.map((name) => files.read(name, settings.manifestSha256)));
    const tokenizer = new WordPieceTokenizer(settings.tokenizer, vocabulary);
    options.signal?.throwIfAborted();
    const made = await runtime(() => ort.InferenceSession.create(model, session));
    return new Predictor(ort, settings, tokenizer, made);
  }

  /** With the prompt that the model was trained with before it; cut to the most tokens that the model takes. */
  encode(text, pair = null) {
    return this.tokenizer.encode(prompted(this.settings, text), { pair, maxLength: this.settings.maxTokens });
  }

  /** Output name → Float32Array, in the order of its shape. What is aborted before its turn does not run. */
  async outputs(encoding, { signal } = {}) {
    const run = this.#last.then(() => {
      signal?.throwIfAborted();
      return runtime(() => this.#session.run(this.#feeds(encoding)));
    });
    this.#last = run.catch(() => undefined);
    const found = await run;
    signal?.throwIfAborted();
    return Object.fromEntries(this.settings.outputs.map((name) => [name, found[name]?.data]));
  }

  #feeds(encoding) {
    const shape = [1, encoding.ids.length];
    const tensor = ({ name, dtype }) => new this.#ort.Tensor(dtype, toData(dtype, encoding[VALUES[name]]), shape);
    return Object.fromEntries(this.settings.inputs.map((input) => [input.name, tensor(input)]));
  }

  async close() {
    await this.#last;
    await this.#session.release();
  }
}

/** What is no string is for the tokenizer to refuse. */
export function prompted({ prompt }, text) {
  return typeof text === "string" ? prompt + text : text;
}

async function runtime(work) {
  try {
    return await work();
  } catch (error) {
    throw new KitError("runtime", `ONNX Runtime: ${error?.message ?? error}`);
  }
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new KitError("invalidSettings", `kit.json: expected what bertport writes; ${error.message}`);
  }
}

function toData(dtype, values) {
  return dtype === "int64" ? BigInt64Array.from(values, BigInt) : Int32Array.from(values);
}
