import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { test } from "node:test";
import * as ort from "onnxruntime-web";
import { KitError, Predictor, TextClassifier, WordPieceTokenizer } from "../bertkit/index.js";
import { TextTokens } from "../bertkit/text-tokens.js";
import { makeRecord } from "./record.js";
import { replay } from "./replay.js";

const FOLDER = new URL("../model/", import.meta.url);
const read = (name) => readFile(new URL(name, FOLDER));
const json = async (name) => JSON.parse(await read(name));
const kit = await json("kit.json");

test("the texts of golden.json give PyTorch's ids and, within the budget, its outputs", async () => {
  const found = await replay(ort, await json("golden.json"));
  assert.ok(found.vectors > 0);
  assert.equal(found.wrongTokens, 0);
  assert.equal(found.wrongDecisions, 0);
  assert.ok(found.largestDifference <= found.tolerance, `${found.largestDifference} > ${found.tolerance}`);
});

test("a record for `bertport report` tells of it; BERTPORT_RECORD says where", async () => {
  const record = await makeRecord(ort, await json("golden.json"));
  const place = process.env.BERTPORT_RECORD;
  if (place) await writeFile(place, JSON.stringify(record, null, 2));
  assert.equal(record.runs[0].verdict, "pass");
});

test("a changed output is seen", async () => {
  const golden = await json("golden.json");
  const [vector] = golden.vectors;
  const shift = (value) => (Array.isArray(value) ? value.map(shift) : value + 10);
  vector[kit.outputs[0]] = shift(vector[kit.outputs[0]]);
  vector.input_ids[1] = -1;
  const found = await replay(ort, golden);
  assert.equal(found.wrongTokens, 1);
  assert.ok(found.largestDifference > found.tolerance);
});

test("a classifier takes as many texts as its model reads", async () => {
  if (kit.task !== "text-classification") return;
  const model = await TextClassifier.load(ort);
  const texts = ["a few words", "other words"];
  assert.equal((await model.classify(...texts.slice(0, kit.readsPairs ? 2 : 1))).length, kit.labels.length);
  const refused = model.classify(...texts.slice(0, kit.readsPairs ? 1 : 2));
  await assert.rejects(refused, (error) => error instanceof KitError && error.code === "wrongTexts");
});

test("what is aborted ends with its reason, and does not run", async () => {
  const reason = new Error("a later text");
  const isReason = (error) => error === reason;
  await assert.rejects(Predictor.load(ort, { signal: AbortSignal.abort(reason) }), isReason);
  const predictor = await Predictor.load(ort);
  const [encoding, aborting] = [predictor.encode("a"), new AbortController()];
  const first = predictor.outputs(encoding);
  const second = predictor.outputs(encoding, { signal: aborting.signal });
  aborting.abort(reason);
  await assert.rejects(second, isReason);
  assert.deepEqual(await predictor.outputs(encoding, { signal: new AbortController().signal }), await first);
});

test("files come from a cache that holds them, older ones go, and their bytes are told", async () => {
  const kept = new Map([[new URL("vocab.txt?version=old", FOLDER).href, "x"]]);
  const cache = {
    match: async (key) => kept.get(key)?.clone(),
    put: async (key, response) => kept.set(key, response),
    keys: async () => [...kept.keys()].map((url) => ({ url })),
    delete: async ({ url }) => kept.delete(url),
  };
  const asked = [];
  const fetch = async (url) => (asked.push(url.href.split("/").at(-1)), new Response(await readFile(url)));
  const told = new Map();
  const options = { fetch, cache, onProgress: ({ file, loaded }) => told.set(file, loaded) };
  await Predictor.load(ort, options);
  assert.equal(asked.length, 3);
  assert.deepEqual([...told.keys()].sort(), ["kit.json", kit.models[0].file, "vocab.txt"].sort());
  for (const [file, loaded] of told) assert.equal(loaded, (await read(file)).length);
  assert.equal(kept.size, 2);
  await Predictor.load(ort, options);
  assert.deepEqual(asked.slice(3), ["kit.json"]);
  const full = { ...cache, match: async () => undefined, put: () => Promise.reject(new Error("full")) };
  assert.ok(await Predictor.load(ort, { cache: full }));
});

test("any text has tokens: empty, a megabyte, a surrogate without its other half", async () => {
  const tokenizer = new WordPieceTokenizer(kit.tokenizer, await read("vocab.txt"));
  const special = tokenizer.encode("").ids.length;
  assert.ok(tokenizer.encode("a few words ".repeat(90_000)).ids.length > 90_000);
  assert.equal(tokenizer.encode("a few words ".repeat(90_000), { maxLength: 16 }).ids.length, 16);
  assert.deepEqual(tokenizer.encode("a\ud800 b\udc00"), tokenizer.encode("a\ufffd b\ufffd"));
  assert.equal(tokenizer.encode("\ud800", { maxLength: special }).ids.length, special);
});

test("of a long text no more is read than is asked for", () => {
  const text = "a few words, ".repeat(80_000);
  const tokensOf = (part) => Array.from(part.matchAll(/\w+/g), ({ 0: word, index }) => ({ end: index + word.length }));
  let most = 0;
  const reading = new TextTokens(text, kit.tokenizer, (part) => {
    most = Math.max(most, part.length);
    return tokensOf(part);
  });
  assert.ok(reading.read(128).length >= 128);
  assert.ok(most < 10_000, `${most}`);
  assert.equal(reading.readAll().length, tokensOf(text).length);
  assert.equal(most, text.length);
});

test("a long context is read to its end, in windows", async () => {
  const tokenizer = new WordPieceTokenizer(kit.tokenizer, await read("vocab.txt"));
  const context = "a long text ".repeat(100);
  const whole = tokenizer.encode("a", { pair: context });
  const windows = tokenizer.windows("a", context, { maxLength: 24, stride: 12 });
  assert.ok(windows.length > 20);
  assert.equal(Math.max(...windows.at(-1).ends), Math.max(...whole.ends));
  assert.deepEqual(tokenizer.windows("a", context, { maxLength: whole.ids.length, stride: 12 }), [whole]);
});

test("errors say what was expected", async () => {
  const tokenizer = new WordPieceTokenizer(kit.tokenizer, await read("vocab.txt"));
  const code = (expected) => (error) => error instanceof KitError && error.code === expected;
  assert.throws(() => tokenizer.encode(undefined), code("notText"));
  assert.throws(() => tokenizer.encode("a", { maxLength: 0 }), code("lengthTooShort"));
  assert.throws(() => tokenizer.encode("a b c d", { pair: "e", maxLength: 5, truncation: "only_second" }), code("cannotTruncate"));
  assert.throws(() => tokenizer.windows("a b c d", "e f", { maxLength: 5, stride: 0 }), code("cannotTruncate"));
  assert.throws(() => tokenizer.windows("a", "b", { maxLength: 9, stride: -1 }), code("invalidOption"));
  const twice = new TextEncoder().encode("[UNK]\na\na\n");
  assert.throws(() => new WordPieceTokenizer(kit.tokenizer, twice), code("invalidVocabulary"));
  assert.throws(() => new WordPieceTokenizer(kit.tokenizer, Uint8Array.of(0xff)), code("invalidVocabulary"));
  const instead = (ending, content) => async (url) =>
    new Response(`${url}`.endsWith(ending) ? content : await readFile(url));
  await assert.rejects(TextClassifier.load(ort, { fetch: instead("kit.json", "{") }), code("invalidSettings"));
  await assert.rejects(TextClassifier.load(ort, { fetch: instead(".onnx", "no model") }), code("runtime"));
  const missing = async () => new Response(null, { status: 404 });
  await assert.rejects(TextClassifier.load(ort, { fetch: missing }), code("missingFile"));
});
