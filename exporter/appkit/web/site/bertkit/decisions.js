import { KitError } from "./errors.js";

/** e^x over their sum, largest taken out first. */
export function softmax(logits) {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((all, power) => all + power, 0);
  return powers.map((power) => power / sum);
}

const ACTIVATIONS = {
  softmax,
  sigmoid: (logits) => Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit))),
  none: (logits) => Array.from(logits),
};

/** Of one text's logits `{label, score}`, the most likely first; what makes scores of them the checkpoint says. */
export function rankLabels(logits, { labels, problem, activation }) {
  expectCount("logits", logits, labels.length);
  const scores = ACTIVATIONS[activation](logits);
  const found = labels.map((label, i) => ({ label, score: scores[i] }));
  return problem === "regression" ? found : found.sort((a, b) => b.score - a.score);
}

/**
 * Neighbouring tokens of one kind, `begins` starting anew; the score is their mean. `tags` say what each label means:
 * those of kit.json. What has nothing to show is left out.
 */
export function findEntities(text, encoding, logits, tags) {
  expectCount("logits", logits, encoding.ids.length * tags.length);
  const groups = [];
  encoding.sequences.forEach((sequence, i) => {
    if (sequence < 0) return;
    const scores = softmax(logits.slice(i * tags.length, (i + 1) * tags.length));
    const best = scores.indexOf(Math.max(...scores));
    const { kind, shown, begins } = tags[best];
    const last = groups.at(-1);
    const [start, end] = [encoding.starts[i], encoding.ends[i]];
    if (last?.kind !== kind || begins) groups.push({ kind, label: shown, scores: [scores[best]], start, end });
    else Object.assign(last, { scores: [...last.scores, scores[best]], end: Math.max(encoding.ends[i], last.start) });
  });
  return groups.filter((group) => group.label !== undefined).map((group) => toEntity(text, group));
}

function toEntity(text, { label, scores, start, end }) {
  const score = scores.reduce((sum, one) => sum + one, 0) / scores.length;
  return { label, score, start, end, text: text.slice(start, end) };
}

/**
 * The best start and end in the context, the end no earlier than the start and at most `longest` tokens on, or null
 * where no token of the context is left.
 *
 * Both are softmax over the first token and the context's tokens, as transformers' `QuestionAnsweringPipeline` (4.x) has
 * them; the range is of whole words.
 */
export function findAnswer(context, encoding, startLogits, endLogits, longest) {
  expectCount("start_logits", startLogits, encoding.ids.length);
  expectCount("end_logits", endLogits, encoding.ids.length);
  const tokens = encoding.sequences.flatMap((sequence, i) => (sequence === 1 ? [i] : []));
  const starts = softmax([0, ...tokens].map((i) => startLogits[i]));
  const ends = softmax([0, ...tokens].map((i) => endLogits[i]));
  const best = bestSpan(starts.slice(1), ends.slice(1), longest);
  if (!best) return null;
  const start = encoding.starts[wordEdge(encoding, tokens[best.start], -1)];
  const end = Math.max(start, encoding.ends[wordEdge(encoding, tokens[best.end], 1)]);
  return { text: context.slice(start, end), score: best.score, noAnswer: starts[0] * ends[0], start, end };
}

/**
 * Of the answers of a context's windows (null for one without) the most likely; that there is none is as likely as its
 * least likely window says. Both are what the pipeline does.
 */
export function bestAnswer(answers) {
  const found = answers.filter((answer) => answer !== null);
  if (found.length === 0) return null;
  const best = found.reduce((most, one) => (one.score > most.score ? one : most));
  return { ...best, noAnswer: Math.min(...found.map((answer) => answer.noAnswer)) };
}

/** Positions from 0 of the largest product. */
function bestSpan(starts, ends, longest) {
  let best;
  starts.forEach((startScore, start) => {
    for (let end = start; end < Math.min(ends.length, start + longest); end++) {
      const score = startScore * ends[end];
      if (score > (best?.score ?? -1)) best = { start, end, score };
    }
  });
  return best;
}

/** The first (step -1) or last (step 1) token of a token's word, as far as it is in the encoding. */
function wordEdge({ sequences, words }, token, step) {
  let at = token;
  while (sequences[at + step] === sequences[token] && words[at + step] === words[token]) at += step;
  return at;
}

export function expectOutput(name, values) {
  if (values) return values;
  throw new KitError("unexpectedOutput", `the model gave no ${name}`);
}

function expectCount(name, values, count) {
  if (values?.length !== count) {
    throw new KitError("unexpectedOutput", `the model gave ${values?.length ?? "no"} ${name}, expected ${count}`);
  }
}
