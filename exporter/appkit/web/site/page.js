import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";
import { AnswerFinder, EntityFinder, TextClassifier, TextEmbedder } from "./bertkit/index.js";

const element = (id) => document.getElementById(id);
const [text, pair, result, status] = ["text", "pair", "result", "status"].map(element);
const settings = await (await fetch("model/kit.json")).json();
const golden = await (await fetch("model/golden.json")).json();

/** Task → its class, the names of its two texts, and how an answer is shown. */
const TASKS = {
  "text-classification": {
    type: TextClassifier,
    names: ["Text", "Second text"],
    ask: (model) => model.classify(text.value, isPair ? pair.value : null),
    show: (labels) => labels.map(showLabel),
  },
  "text-ranking": {
    type: TextClassifier,
    names: ["Query", "Document"],
    ask: (model) => model.classify(text.value, pair.value),
    show: (labels) => labels.map(({ score }) => showLabel({ label: "Relevance", score })),
  },
  "token-classification": {
    type: EntityFinder,
    names: ["Text"],
    ask: (model) => model.entities(text.value),
    show: (entities) => [marked(text.value, entities)],
  },
  "question-answering": {
    type: AnswerFinder,
    names: ["Question", "Context"],
    ask: (model) => model.answer(text.value, pair.value),
    show: (answer) => [marked(pair.value, answer ? [{ ...answer, label: percent(answer.score) }] : [])],
  },
  "sentence-similarity": {
    type: TextEmbedder,
    names: ["Text", "Another text"],
    ask: async (model) => (await model.embed(text.value)).similarity(await model.embed(pair.value)),
    show: (similarity) => [showLabel({ label: "Similarity", score: similarity })],
  },
};
const task = TASKS[settings.task];
const isPair = settings.readsPairs;
const hasSecond = isPair || settings.task === "sentence-similarity";

function create(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function percent(score) {
  return `${(100 * score).toFixed(1)} %`;
}

function showLabel({ label, score }) {
  const isShare = settings.activation !== "none";
  const shown = create("data", { value: String(score) }, isShare ? percent(score) : score.toFixed(3));
  return create("div", { className: "bar" }, create("span", {}, label), create("meter", { value: isShare ? score : 0 }), shown);
}

/** The text with its stretches marked. */
function marked(whole, stretches) {
  const shown = create("p", { className: "marked" });
  let at = 0;
  for (const { start, end, label } of stretches) {
    shown.append(whole.slice(at, start), create("mark", {}, whole.slice(start, end), create("small", {}, label)));
    at = end;
  }
  shown.append(whole.slice(at));
  return shown;
}

/** Answers what stands in the fields; while one answer is made, later changes wait, and of these the last alone counts. */
function answering(model) {
  let [busy, again] = [false, false];
  return async function answer() {
    again = busy;
    if (busy) return;
    busy = true;
    await update(model);
    busy = false;
    if (again) await answer();
  };
}

async function update(model) {
  try {
    const start = performance.now();
    const found = text.value ? await task.ask(model) : [];
    const spent = performance.now() - start;
    const { ids } = model.predictor.encode(text.value, isPair ? pair.value : null);
    result.replaceChildren(...(text.value ? task.show(found) : []));
    status.value = `${ids.length} of at most ${settings.maxTokens} tokens, ${spent.toFixed(1)} ms`;
  } catch (error) {
    result.replaceChildren(create("p", { className: "error" }, error.message));
  }
  result.setAttribute("aria-busy", "false");
}

/** A golden text into the fields; beside a text that is compared stands the first of them. */
function fill(vector) {
  [text.value, pair.value] = [vector.text, vector.text_pair ?? (hasSecond ? golden.vectors[0].text : "")];
}

function offerExamples(answer) {
  for (const vector of golden.vectors.slice(0, 4)) {
    const use = () => {
      fill(vector);
      answer();
    };
    element("examples").append(create("button", { type: "button", onclick: use }, vector.text));
  }
}

function describe() {
  [element("text-label").textContent, element("pair-label").textContent] = task.names;
  element("second").hidden = !hasSecond;
  if (settings.parity.verdict !== "fail") return;
  element("warning").textContent = `This model does not agree with PyTorch: ${settings.parity.text}`;
  element("warning").hidden = false;
}

describe();
try {
  const start = performance.now();
  const model = await task.type.load(ort);
  const answer = answering(model);
  for (const field of [text, pair]) field.addEventListener("input", answer);
  offerExamples(answer);
  if (!text.value) fill(golden.vectors[0]);
  await answer();
  status.value = `${status.value}; model ready in ${(performance.now() - start).toFixed(0)} ms`;
} catch (error) {
  status.value = "";
  result.replaceChildren(create("p", { className: "error" }, `The model could not be loaded: ${error.message}`));
}
