import { SPLIT_SPACE, WORD, rules } from "./character-rules.js";
import { scalarBefore } from "./normalized-text.js";

/** Finds added and special tokens in a text, as `tokenizers`' AddedVocabulary does. */
export class AddedTokens {
  #byFirst = new Map();

  /** The longest comes first, then the order given. */
  constructor(tokens) {
    const searched = tokens.filter((token) => token.text).sort((a, b) => b.text.length - a.text.length);
    for (const token of searched) {
      const first = token.text[0];
      this.#byFirst.set(first, [...(this.#byFirst.get(first) ?? []), token]);
    }
  }

  /** The parts of `text` in order: `{id, start, end}`, id null between tokens; empty text between is left out. */
  parts(text) {
    const parts = [];
    let rest = 0;
    for (let at = 0; at < text.length && this.#byFirst.size; ) {
      const token = this.#byFirst.get(text[at])?.find((one) => text.startsWith(one.text, at));
      if (!token) {
        at += 1;
        continue;
      }
      const taken = take(text, at, token, rest);
      at += token.text.length;
      if (!taken) continue;
      if (rest < taken.start) parts.push({ id: null, start: rest, end: taken.start });
      parts.push(taken);
      rest = taken.end;
    }
    if (rest < text.length) parts.push({ id: null, start: rest, end: text.length });
    return parts;
  }
}

/** What a token takes, white space included; undefined where it stands in a word and may not. */
function take(text, at, token, rest) {
  let start = at;
  let end = at + token.text.length;
  if (token.singleWord && (hasBefore(text, start, WORD) || has(text.codePointAt(end), WORD))) return undefined;
  // every white space scalar is one UTF-16 unit
  while (token.lstrip && start > rest && hasBefore(text, start, SPLIT_SPACE)) start -= 1;
  while (token.rstrip && has(text.codePointAt(end), SPLIT_SPACE)) end += 1;
  return { id: token.id, start, end };
}

function has(scalar, trait) {
  return scalar !== undefined && rules.has(scalar, trait);
}

function hasBefore(text, position, trait) {
  return position > 0 && rules.has(scalarBefore(text, position), trait);
}
