import { KitError } from "./errors.js";

/** The pieces. JavaScript compares texts unit by unit, so no two spellings of é become one. */
export class Vocabulary {
  /**
   * Reads vocab.txt, as bytes: the piece of each id on its line, ended by 0x0A and nothing else; an empty line is an id
   * without a piece. Throws where a piece stands twice or is not UTF-8.
   */
  constructor(bytes, prefix) {
    this.prefix = prefix;
    this.whole = new Map();
    decode(bytes).split("\n").forEach((piece, id) => this.#add(piece, id));
    this.continuing = new Map();
    for (const [piece, id] of this.whole) {
      if (piece.startsWith(prefix)) this.continuing.set(piece.slice(prefix.length), id);
    }
    this.longestWhole = longest(this.whole);
    this.longestContinuing = longest(this.continuing);
  }

  #add(piece, id) {
    if (piece === "") return;
    if (this.whole.has(piece)) throw invalid(`line ${id + 1} is ${piece} again`);
    this.whole.set(piece, id);
  }

  /** The longest piece of `word` at `start`, `{id, end}`, or undefined: one that continues where `start` is not 0. */
  longestPiece(word, start) {
    const pieces = start === 0 ? this.whole : this.continuing;
    const most = start === 0 ? this.longestWhole : this.longestContinuing;
    for (let end = Math.min(word.length, start + most); end > start; end--) {
      const id = pieces.get(word.slice(start, end));
      if (id !== undefined) return { id, end };
    }
    return undefined;
  }
}

function longest(pieces) {
  let most = 0;
  for (const piece of pieces.keys()) most = Math.max(most, piece.length);
  return most;
}

function decode(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("it is not UTF-8");
  }
}

function invalid(found) {
  return new KitError("invalidVocabulary", `vocab.txt: expected each piece once, in UTF-8; ${found}`);
}
