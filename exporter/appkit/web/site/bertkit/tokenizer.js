import { AddedTokens } from "./added-tokens.js";
import { PUNCTUATION, SPLIT_SPACE, rules } from "./character-rules.js";
import { KitError } from "./errors.js";
import { NormalizedText, unitsOf } from "./normalized-text.js";
import { TextTokens } from "./text-tokens.js";
import { cutLengths, placeWindows, readToCut } from "./truncation.js";
import { Vocabulary } from "./vocabulary.js";

/** BERT's tokenizer: the ids, type ids, mask and offsets that Hugging Face's `tokenizers` gives. See index.d.ts. */
export class WordPieceTokenizer {
  #vocabulary;
  #raw;
  #normalized;

  /** `settings`: `tokenizer` of kit.json; `vocabulary`: the bytes of vocab.txt. */
  constructor(settings, vocabulary) {
    this.settings = settings;
    this.#vocabulary = new Vocabulary(vocabulary, settings.prefix);
    this.#raw = new AddedTokens(settings.added.filter((token) => !token.normalized));
    this.#normalized = new AddedTokens(settings.added.filter((token) => token.normalized));
  }

  encode(text, { pair = null, maxLength = Infinity, truncation = this.settings.truncationStrategy } = {}) {
    const template = pair === null ? this.settings.single : this.settings.pair;
    const room = capacity(maxLength, template);
    const texts = (pair === null ? [text] : [text, pair]).map((one) => this.#reading(one));
    if (this.settings.truncateLeft) texts.forEach((one) => one.readAll());
    else readToCut(truncation, texts[0], texts[1], room);
    const sizes = cutLengths(truncation, texts[0].length, texts[1]?.length ?? null, room);
    return assemble(texts.map(({ tokens }, i) => this.#cut(tokens, sizes[i])), template);
  }

  windows(text, pair, { maxLength, stride }) {
    if (!(Number.isInteger(stride) && stride >= 0)) {
      throw new KitError("invalidOption", `a stride of ${stride}; expected 0 or more tokens`);
    }
    const [first, second] = [text, pair].map((one) => this.#reading(one).readAll().tokens);
    const most = capacity(maxLength, this.settings.pair);
    const [kept, room] = cutLengths("only_second", first.length, second.length, most);
    const spans = placeWindows(second.length, room, stride, this.settings.truncateLeft);
    return spans.map(([start, end]) => assemble([this.#cut(first, kept), second.slice(start, end)], this.settings.pair));
  }

  #cut(tokens, count) {
    return this.settings.truncateLeft ? tokens.slice(tokens.length - count) : tokens.slice(0, count);
  }

  #reading(text) {
    if (typeof text === "string") return new TextTokens(text, this.settings, (whole) => this.#tokens(whole));
    throw new KitError("notText", `expected a string, found ${text === null ? "null" : typeof text}`);
  }

  /** The pieces of a text, `{id, start, end, word}`, without special tokens around it. */
  #tokens(text) {
    const found = { tokens: [], words: 0 };
    for (const part of this.#raw.parts(text)) {
      if (part.id === null) this.#split(new NormalizedText(text, part.start, part.end, this.settings), found);
      else found.tokens.push({ ...part, word: found.words++ });
    }
    return found.tokens;
  }

  /** Added tokens that are looked for in normalised text, then words. */
  #split(normalized, found) {
    for (const { id, start, end } of this.#normalized.parts(normalized.text)) {
      if (id === null) this.#splitWords(normalized, start, end, found);
      else found.tokens.push({ id, start: normalized.start(start), end: normalized.end(end), word: found.words++ });
    }
  }

  /** Words end at white space; a punctuation sign is one by itself. */
  #splitWords(normalized, from, to, found) {
    let start = from;
    for (let at = from, scalar; at < to; at += unitsOf(scalar)) {
      scalar = normalized.text.codePointAt(at);
      if (!rules.has(scalar, SPLIT_SPACE | PUNCTUATION)) continue;
      this.#appendWord(normalized, start, at, found);
      start = at + unitsOf(scalar);
      if (!rules.has(scalar, SPLIT_SPACE)) this.#appendWord(normalized, at, start, found);
    }
    this.#appendWord(normalized, start, to, found);
  }

  /** The longest piece that starts the word, then the longest that continues it, and so on; or one unknown token. */
  #appendWord(normalized, from, to, found) {
    if (from === to) return;
    const word = found.words++;
    const pieces = this.#pieces(normalized.text.slice(from, to)) ?? [
      { id: this.settings.unknownId, start: 0, end: to - from },
    ];
    for (const { id, start, end } of pieces) {
      found.tokens.push({ id, start: normalized.start(from + start), end: normalized.end(from + end), word });
    }
  }

  #pieces(word) {
    if (word.length > this.settings.maxWordScalars && [...word].length > this.settings.maxWordScalars) return undefined;
    const pieces = [];
    for (let start = 0; start < word.length; ) {
      const piece = this.#vocabulary.longestPiece(word, start);
      if (!piece) return undefined;
      pieces.push({ ...piece, start });
      start = piece.end;
    }
    return pieces;
  }
}

function capacity(maxLength, template) {
  const special = template.filter((slot) => slot.id !== undefined).length;
  if (maxLength >= special) return maxLength - special;
  throw new KitError("lengthTooShort", `a length of ${maxLength} does not hold ${special} special tokens`);
}

function assemble(texts, template) {
  const encoding = { ids: [], typeIds: [], attentionMask: [], starts: [], ends: [], sequences: [], words: [] };
  for (const slot of template) {
    const special = [{ id: slot.id, start: 0, end: 0, word: -1 }];
    for (const token of slot.sequence === undefined ? special : texts[slot.sequence]) {
      encoding.ids.push(token.id);
      encoding.typeIds.push(slot.typeId);
      encoding.attentionMask.push(1);
      encoding.starts.push(token.start);
      encoding.ends.push(token.end);
      encoding.sequences.push(slot.sequence ?? -1);
      encoding.words.push(token.word);
    }
  }
  return encoding;
}
