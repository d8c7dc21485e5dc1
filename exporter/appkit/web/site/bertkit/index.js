export { KitError } from "./errors.js";
export { Predictor } from "./predictor.js";
export { AnswerFinder, Embedding, EntityFinder, TextClassifier, TextEmbedder } from "./tasks.js";
export { WordPieceTokenizer } from "./tokenizer.js";
