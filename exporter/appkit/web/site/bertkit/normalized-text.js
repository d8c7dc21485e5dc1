import { CHINESE, CLEAN_SPACE, NONSPACING, REMOVED, rules } from "./character-rules.js";

const SPACE = 0x20;

/** How many UTF-16 units a scalar takes. */
export function unitsOf(scalar) {
  return scalar > 0xffff ? 2 : 1;
}

/** The scalar that ends at a position after 0. */
export function scalarBefore(text, position) {
  const low = text.charCodeAt(position - 1);
  const isPair = low >= 0xdc00 && low < 0xe000 && position > 1;
  return text.codePointAt(position - (isPair ? 2 : 1));
}

/**
 * A normalised text, and of each of its UTF-16 units where in the original text its scalar starts.
 *
 * The steps are those of `tokenizers`' BertNormalizer, the bookkeeping that of its `NormalizedString`.
 */
export class NormalizedText {
  /** `original` from `start` to `end`, which are positions in UTF-16, as `settings` say. */
  constructor(original, start, end, settings) {
    let run = clean(original, start, end, settings);
    if (settings.stripAccents) run = stripAccents(run);
    if (settings.lowercase) run = lowercase(run);
    this.original = original;
    this.text = toText(run.scalars);
    this.origins = unitOrigins(run);
  }

  /** Where the scalar at a position of the normalised text starts in the original. */
  start(position) {
    return this.origins[position];
  }

  /** Where the scalar before a position of the normalised text ends in the original. */
  end(position) {
    const origin = this.origins[position - 1];
    return origin + unitsOf(this.original.codePointAt(origin));
  }
}

/** Drops control characters, makes white space spaces, puts spaces around Chinese characters. */
function clean(text, start, end, settings) {
  const run = { scalars: [], origins: [] };
  for (let at = start, scalar; at < end; at += unitsOf(scalar)) {
    scalar = text.codePointAt(at);
    if (settings.cleanText && rules.has(scalar, REMOVED)) continue;
    const spaced = settings.cleanText && rules.has(scalar, CLEAN_SPACE);
    const chinese = !spaced && settings.chineseCharacters && rules.has(scalar, CHINESE);
    if (chinese) append(run, SPACE, at);
    append(run, spaced ? SPACE : scalar, at);
    if (chinese) append(run, SPACE, at);
  }
  return run;
}

function append(run, scalar, origin) {
  run.scalars.push(scalar);
  run.origins.push(origin);
}

/**
 * Decomposes, sorts runs of marks, and drops the nonspacing ones.
 *
 * Sorted parts are given origins in their new order, as `tokenizers` does it: the first part of a decomposition takes
 * the next origin, its other parts the last one taken.
 */
function stripAccents({ scalars, origins }) {
  const run = { scalars: [], origins: [] };
  let next = 0;
  for (const part of decompose(scalars)) {
    if (part.isFirst) next += 1;
    if (!rules.has(part.scalar, NONSPACING)) append(run, part.scalar, origins[Math.max(next - 1, 0)]);
  }
  return run;
}

/** Canonical decomposition (NFD). */
function decompose(scalars) {
  const parts = [];
  let runStart = 0;
  for (const scalar of scalars) {
    let isFirst = true;
    for (const part of rules.decomposed(scalar) ?? [scalar]) {
      const order = rules.order(part);
      if (order === 0) sortFrom(parts, runStart);
      parts.push({ scalar: part, order, isFirst });
      if (order === 0) runStart = parts.length;
      isFirst = false;
    }
  }
  sortFrom(parts, runStart);
  return parts;
}

/** Sorts the marks since the last scalar that stays, equal ones as they stand. */
function sortFrom(parts, start) {
  if (parts.length - start < 2) return;
  const sorted = parts.splice(start).sort((a, b) => a.order - b.order);
  for (const part of sorted) parts.push(part);
}

function lowercase({ scalars, origins }) {
  const run = { scalars: [], origins: [] };
  scalars.forEach((scalar, i) => {
    for (const lower of rules.lowercased(scalar) ?? [scalar]) append(run, lower, origins[i]);
  });
  return run;
}

/** Of each UTF-16 unit; most texts have no scalar of two. */
function unitOrigins({ scalars, origins }) {
  if (scalars.every((scalar) => scalar <= 0xffff)) return origins;
  return origins.flatMap((origin, i) => (scalars[i] > 0xffff ? [origin, origin] : origin));
}

function toText(scalars) {
  let text = "";
  for (const scalar of scalars) text += String.fromCodePoint(scalar);
  return text;
}
