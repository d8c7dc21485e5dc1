// tokenize.mjs KIT SETTINGS.json VOCAB.txt INPUT.json OUTPUT [MAX_LENGTH]
//
// INPUT is a list of texts and of pairs ([first, second]). OUTPUT is int32, little-endian: of each the number of tokens,
// then its ids, type ids, mask, starts and ends, which count Unicode scalars as `tokenizers` does. On stdout, as JSON:
// seconds to load and to tokenize, and tokens.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [kit, settingsFile, vocabularyFile, input, output, maxLength] = process.argv.slice(2);
const { WordPieceTokenizer } = await import(`${pathToFileURL(kit)}/bertkit/index.js`);
const { tokenizer: settings } = JSON.parse(readFileSync(settingsFile, "utf8"));
const items = JSON.parse(readFileSync(input, "utf8"));
const options = maxLength ? { maxLength: Number(maxLength) } : {};

const start = performance.now();
const tokenizer = new WordPieceTokenizer(settings, readFileSync(vocabularyFile));
const loaded = performance.now();
const encodings = items.map((item) => {
  const [text, pair] = Array.isArray(item) ? item : [item];
  return tokenizer.encode(text, { ...options, pair });
});
const done = performance.now();

/** UTF-16 position → how many scalars stand before it. */
function scalarPositions(text) {
  const positions = [];
  let count = 0;
  for (const scalar of text) {
    positions.push(count);
    if (scalar.length === 2) positions.push(-1); // a token that starts here is an error, and seen as one
    count += 1;
  }
  return [...positions, count];
}

function row(encoding, item) {
  const maps = (Array.isArray(item) ? item : [item]).map(scalarPositions);
  const scalars = (positions) =>
    positions.map((position, i) => (encoding.sequences[i] < 0 ? position : maps[encoding.sequences[i]][position]));
  const { ids, typeIds, attentionMask, starts, ends } = encoding;
  return Int32Array.from([ids.length, ...ids, ...typeIds, ...attentionMask, ...scalars(starts), ...scalars(ends)]);
}

writeFileSync(output, Buffer.concat(encodings.map((one, i) => Buffer.from(row(one, items[i]).buffer))));
const tokens = encodings.reduce((sum, one) => sum + one.ids.length, 0);
console.log(JSON.stringify({ load_s: (loaded - start) / 1000, encode_s: (done - loaded) / 1000, tokens }));
