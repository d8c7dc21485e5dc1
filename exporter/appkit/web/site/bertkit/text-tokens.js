import { CHINESE, MAPPED, NONSPACING, PUNCTUATION, REMOVED, SPLIT_SPACE, rules } from "./character-rules.js";
import { scalarBefore, unitsOf } from "./normalized-text.js";

/** What is tried first: most texts have fewer UTF-16 units for a token. */
const UNITS_PER_TOKEN = 8;
const START = 64;
const CHANGING = REMOVED | NONSPACING | MAPPED;

/**
 * The tokens of one text from its start, no more of it read than is asked for; each is the one that the whole text gives.
 *
 * `tokenize` gives those of a text that is whole.
 */
export class TextTokens {
  tokens = [];
  #text;
  #tokenize;
  #margin;
  #boundary;
  #isWhole = false;

  constructor(text, settings, tokenize) {
    this.#text = text;
    this.#tokenize = tokenize;
    // units behind a token's end that may have a say in it: those of the longest added token and its neighbour
    this.#margin = 2 + settings.added.reduce((most, token) => Math.max(most, token.text.length), 0);
    this.#boundary = SPLIT_SPACE | PUNCTUATION | (settings.chineseCharacters ? CHINESE : 0);
  }

  get length() {
    return this.tokens.length;
  }

  /** Reads on until there are `count` tokens, or all. */
  read(count) {
    for (let length = START + UNITS_PER_TOKEN * count; !this.#isWhole && this.length < count; length *= 4) {
      this.#isWhole = length >= this.#text.length;
      const part = wellFormed(this.#isWhole ? this.#text : this.#text.slice(0, length));
      const tokens = this.#tokenize(part);
      this.tokens = this.#isWhole ? tokens : tokens.slice(0, countUpTo(tokens, this.#settledEnd(part)));
    }
    return this;
  }

  readAll() {
    return this.read(Infinity);
  }

  /** Whether it is known to have more tokens than another, or not to. */
  isCompared(other) {
    return this.#isWhole && (other.#isWhole || other.length > this.length);
  }

  /**
   * Where a part of the text can end without a word, a run of marks or an added token before that place being another in
   * the whole: before white space, a punctuation sign or a Chinese character with `margin` scalars after it that
   * normalising leaves one each. 0 where there is none.
   */
  #settledEnd(part) {
    let rest = this.#margin;
    for (let at = part.length; at > 0; ) {
      const scalar = scalarBefore(part, at);
      at -= unitsOf(scalar);
      if (rules.has(scalar, CHANGING)) continue;
      if (rest === 0 && rules.has(scalar, this.#boundary)) return at;
      if (rest > 0) rest -= 1;
    }
    return 0;
  }
}

/** How many of the first tokens end by a place. */
function countUpTo(tokens, end) {
  const later = tokens.findIndex((token) => token.end > end);
  return later < 0 ? tokens.length : later;
}

/** The text with U+FFFD for each surrogate without its other half, which is what UTF-8 makes of it. */
function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\ufffd");
}
