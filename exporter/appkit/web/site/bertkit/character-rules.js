import * as tables from "./character-tables.js";

/** Sets that a scalar may belong to. MAPPED: one of the maps has an entry for it. */
export const REMOVED = 1;
export const CLEAN_SPACE = 2;
export const CHINESE = 4;
export const NONSPACING = 8;
export const SPLIT_SPACE = 16;
export const PUNCTUATION = 32;
export const WORD = 64;
export const MAPPED = 128;

const SETS = [
  [REMOVED, tables.removed],
  [CLEAN_SPACE, tables.cleanSpace],
  [CHINESE, tables.chinese],
  [NONSPACING, tables.nonspacing],
  [SPLIT_SPACE, tables.splitSpace],
  [PUNCTUATION, tables.punctuation],
  [WORD, tables.word],
];
const HANGUL_FIRST = 0xac00;
const HANGUL_LAST = 0xd7a3;

/**
 * What `tokenizers` does to a Unicode scalar, from the generated tables.
 *
 * No function of the browser's Unicode is used: its version differs from the one that the model was trained with.
 */
class CharacterRules {
  #traits = new Uint8Array(0x110000);
  #lowercase = readMap(tables.lowercase);
  #decomposition = readMap(tables.decomposition);
  #order = readRanges(tables.order);

  constructor() {
    for (const [trait, table] of SETS) this.#mark(trait, numbers(table));
    for (const map of [this.#lowercase, this.#decomposition, this.#order]) {
      for (const scalar of map.keys()) this.#traits[scalar] |= MAPPED;
    }
  }

  #mark(trait, table) {
    let at = 0;
    for (let i = 0; i < table.length; i += 2) {
      at += table[i];
      for (const end = at + table[i + 1]; at < end; at++) this.#traits[at] |= trait;
    }
  }

  /** Whether the scalar is in one of the sets, which are given as a sum. */
  has(scalar, traits) {
    return (this.#traits[scalar] & traits) !== 0;
  }

  /** Its lowercase as scalars, or undefined where it stays. */
  lowercased(scalar) {
    return this.has(scalar, MAPPED) ? this.#lowercase.get(scalar) : undefined;
  }

  /** Its canonical decomposition, or undefined where it is whole; of Hangul syllables too (Unicode 3.12). */
  decomposed(scalar) {
    if (scalar < HANGUL_FIRST || scalar > HANGUL_LAST) {
      return this.has(scalar, MAPPED) ? this.#decomposition.get(scalar) : undefined;
    }
    const index = scalar - HANGUL_FIRST;
    const parts = [0x1100 + Math.floor(index / 588), 0x1161 + Math.floor((index % 588) / 28)];
    return index % 28 === 0 ? parts : [...parts, 0x11a7 + (index % 28)];
  }

  /** Where it stands in a run of marks: 0 stays where it is, others are sorted. */
  order(scalar) {
    return this.has(scalar, MAPPED) ? (this.#order.get(scalar) ?? 0) : 0;
  }
}

/** The numbers of a generated table: base 36, spaces between. */
function numbers(table) {
  return table.split(" ").map((digits) => parseInt(digits, 36));
}

/** Key less the key before, number of values, each value less the key in zigzag. */
function readMap(table) {
  const found = new Map();
  const read = numbers(table).values();
  let key = 0;
  for (const gap of read) {
    key += gap;
    const count = read.next().value;
    found.set(key, Array.from({ length: count }, () => key + unzigzag(read.next().value)));
  }
  return found;
}

function unzigzag(number) {
  return number % 2 === 0 ? number / 2 : -(number + 1) / 2;
}

/** Gap since the last range, length, and the value of all in it. */
function readRanges(table) {
  const found = new Map();
  const read = numbers(table);
  let at = 0;
  for (let i = 0; i < read.length; i += 3) {
    at += read[i];
    for (const end = at + read[i + 1]; at < end; at++) found.set(at, read[i + 2]);
  }
  return found;
}

export const rules = new CharacterRules();
