// ask.mjs INPUT.json: what the kit around this file answers with the class of its task.
//
// INPUT is a list of argument lists; those of an answer are question, context, most tokens and stride, null for the kit's own.
// On stdout, as JSON: the answers, of an embedding its numbers.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import * as kit from "./bertkit/index.js";

const asked = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { task } = JSON.parse(readFileSync(new URL("model/kit.json", import.meta.url), "utf8"));
const CALLS = {
  "text-classification": ["TextClassifier", (model, text, pair) => model.classify(text, pair)],
  "text-ranking": ["TextClassifier", (model, text, pair) => model.classify(text, pair)],
  "token-classification": ["EntityFinder", (model, text) => model.entities(text)],
  "question-answering": [
    "AnswerFinder",
    (model, question, context, longest, stride) => model.answer(question, context, { longest: longest ?? undefined, stride: stride ?? undefined }),
  ],
  "sentence-similarity": ["TextEmbedder", async (model, text) => [...(await model.embed(text)).values]],
};
const [type, call] = CALLS[task];
const model = await kit[type].load(ort);
console.log(JSON.stringify(await Promise.all(asked.map((one) => call(model, ...one)))));
