export { KitError } from "./errors.js";
export { Predictor } from "./predictor.js";
export { AnswerFinder, EntityFinder, TextClassifier } from "./tasks.js";
export { WordPieceTokenizer } from "./tokenizer.js";
