// transformers.mjs MODELS TASK INPUT.json: what transformers.js makes of the model in MODELS/model.
//
// INPUT is a list of texts and of pairs ([first, second]). On stdout, as JSON: `file`, the model file that was read;
// `answers`, of the task's pipeline; `ids`, of its own tokenizer; `extracted`, what its feature extraction pools of the
// vectors of the tokens.
import { readFileSync } from "node:fs";
import { AutoModel, AutoTokenizer, env, pipeline } from "@huggingface/transformers";

const [models, task, input] = process.argv.slice(2);
const items = JSON.parse(readFileSync(input, "utf8"));
env.allowRemoteModels = false;
env.localModelPath = models;

const read = new Set();
const progress_callback = ({ file }) => file?.endsWith(".onnx") && read.add(file);
const tokenizer = await AutoTokenizer.from_pretrained("model");
const ids = items.map((item) => {
  const [text, text_pair] = Array.isArray(item) ? item : [item];
  return tokenizer(text, { text_pair, return_tensor: false }).input_ids;
});

const answers = [];
const extracted = [];
if (task === "sentence-similarity") {
  const model = await AutoModel.from_pretrained("model", { progress_callback });
  for (const text of items) answers.push((await model(await tokenizer(text))).sentence_embedding.tolist()[0]);
  const extract = await pipeline("feature-extraction", "model", { progress_callback });
  for (const text of items) extracted.push((await extract(text, { pooling: "mean", normalize: true })).tolist()[0]);
} else if (task !== "none") {
  const run = await pipeline(task, "model", { progress_callback });
  for (const item of items) answers.push(await (Array.isArray(item) ? run(...item) : run(item)));
}
console.log(JSON.stringify({ files: [...read], answers, extracted, ids }));
