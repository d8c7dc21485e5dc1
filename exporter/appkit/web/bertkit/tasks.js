import { findAnswer, findEntities, rankLabels } from "./decisions.js";
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

  async _run(text, pair) {
    const encoding = this.predictor.encode(text, pair);
    return { encoding, outputs: await this.predictor.outputs(encoding) };
  }
}

/** Text in, labels out. */
export class TextClassifier extends Task {
  async classify(text, pair = null) {
    const { outputs } = await this._run(text, pair);
    return rankLabels(outputs.logits, this.settings.labels, this.settings.problem);
  }
}

/** Text in, entities out. */
export class EntityFinder extends Task {
  async entities(text) {
    const { encoding, outputs } = await this._run(text);
    return findEntities(text, encoding, outputs.logits, this.settings.labels);
  }
}

/** Question and context in, an answer out. */
export class AnswerFinder extends Task {
  async answer(question, context, { longest = 15 } = {}) {
    const { encoding, outputs } = await this._run(question, context);
    return findAnswer(context, encoding, outputs.start_logits, outputs.end_logits, longest);
  }
}
