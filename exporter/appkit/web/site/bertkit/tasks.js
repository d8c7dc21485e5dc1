import { bestAnswer, expectOutput, findAnswer, findEntities, rankLabels } from "./decisions.js";
import { KitError } from "./errors.js";
import { Predictor } from "./predictor.js";

/** What every task's class has. */
class Task {
  constructor(predictor) {
    this.predictor = predictor;
  }

  static async load(ort, options) {
    return new this(await Predictor.load(ort, options));
  }

  get settings() {
    return this.predictor.settings;
  }

  get tokenizer() {
    return this.predictor.tokenizer;
  }

  close() {
    return this.predictor.close();
  }

  async _run(text, pair, options) {
    const encoding = this.predictor.encode(text, pair);
    return { encoding, outputs: await this.predictor.outputs(encoding, options) };
  }
}

/** Text in, labels out. */
export class TextClassifier extends Task {
  async classify(text, pair = null, options = {}) {
    expectTexts(this.settings, pair);
    const { outputs } = await this._run(text, pair, options);
    return rankLabels(outputs.logits, this.settings);
  }
}

function expectTexts({ readsPairs }, pair) {
  if ((pair !== null) === readsPairs) return;
  const message = readsPairs
    ? "the model reads two texts; pass the second as pair"
    : "the model reads one text, and was compared with PyTorch so; export it with --pairs to pass two";
  throw new KitError("wrongTexts", message);
}

/** Text in, entities out. */
export class EntityFinder extends Task {
  async entities(text, options = {}) {
    const { encoding, outputs } = await this._run(text, null, options);
    return findEntities(text, encoding, outputs.logits, this.settings.shown.tags);
  }
}

/** Question and context in, an answer out. */
export class AnswerFinder extends Task {
  async answer(question, context, options = {}) {
    const { longestAnswer, windowTokens: maxLength, sharedTokens } = this.settings.shown;
    const { longest = longestAnswer, stride = sharedTokens, signal } = options;
    const answers = [];
    for (const window of this.tokenizer.windows(question, context, { maxLength, stride })) {
      const { start_logits: starts, end_logits: ends } = await this.predictor.outputs(window, { signal });
      answers.push(findAnswer(context, window, starts, ends, longest));
    }
    return bestAnswer(answers);
  }
}

/** One vector of a text. */
export class Embedding {
  constructor(values) {
    this.values = values;
  }

  similarity(other) {
    const norms = Math.sqrt(product(this.values, this.values) * product(other.values, other.values));
    return norms > 0 ? product(this.values, other.values) / norms : 0;
  }
}

function product(left, right) {
  return left.reduce((sum, value, i) => sum + value * right[i], 0);
}

/** Text in, vector out. */
export class TextEmbedder extends Task {
  async embed(text, options = {}) {
    const { outputs } = await this._run(text, null, options);
    return new Embedding(expectOutput("sentence_embedding", outputs.sentence_embedding));
  }
}
