// tokenize.mjs KIT SETTINGS.json VOCAB.txt INPUT.json OUTPUT [MAX_LENGTH [STRIDE]]
//
// INPUT is a list of texts and of pairs ([first, second]). OUTPUT is int32, little-endian: of each the number of tokens,
// then its ids, type ids, mask, starts and ends, which count Unicode scalars as `tokenizers` does; with a stride, of each
// window of each pair. On stdout, as JSON: seconds to load and to tokenize, and tokens.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [kit, settingsFile, vocabularyFile, input, output, maxLength, stride] = process.argv.slice(2);
const { WordPieceTokenizer } = await import(`${pathToFileURL(kit)}/bertkit/index.js`);
const { tokenizer: settings } = JSON.parse(readFileSync(settingsFile, "utf8"));
const items = JSON.parse(readFileSync(input, "utf8"));
const options = maxLength ? { maxLength: Number(maxLength) } : {};

const start = performance.now();
const tokenizer = new WordPieceTokenizer(settings, readFileSync(vocabularyFile));
const loaded = performance.now();
const encode = ([text, pair]) =>
  stride ? tokenizer.windows(text, pair, { ...options, stride: Number(stride) }) : [tokenizer.encode(text, { ...options, pair })];
const encodings = items.map((item) => encode([item].flat()));
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
  const maps = [item].flat().map(scalarPositions);
  const scalars = (positions) =>
    positions.map((position, i) => (encoding.sequences[i] < 0 ? position : maps[encoding.sequences[i]][position]));
  const { ids, typeIds, attentionMask, starts, ends } = encoding;
  return Int32Array.from([ids.length, ...ids, ...typeIds, ...attentionMask, ...scalars(starts), ...scalars(ends)]);
}

const rows = encodings.flatMap((windows, i) => windows.map((one) => Buffer.from(row(one, items[i]).buffer)));
writeFileSync(output, Buffer.concat(rows));
const tokens = encodings.flat().reduce((sum, one) => sum + one.ids.length, 0);
console.log(JSON.stringify({ load_s: (loaded - start) / 1000, encode_s: (done - loaded) / 1000, tokens }));
