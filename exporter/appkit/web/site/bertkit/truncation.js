import { KitError } from "./errors.js";

/**
 * The lengths of two texts cut to `capacity` tokens together, by the rules of `tokenizers`; `second` is null for one
 * text alone.
 */
export function cutLengths(strategy, first, second, capacity) {
  const excess = first + (second ?? 0) - capacity;
  if (excess <= 0) return [first, second ?? 0];
  if (capacity === 0) return [0, 0];
  switch (strategy) {
    case "longest_first":
      return second === null ? [capacity, 0] : balance(first, second, capacity);
    case "only_first":
      return [cutOne("the first text", first, excess), second ?? 0];
    case "only_second":
      return [first, cutOne("the second text", second ?? 0, excess)];
    default:
      throw new KitError("invalidOption", `truncation ${strategy}: expected longest_first, only_first or only_second`);
  }
}

/**
 * Reads of two texts, which are TextTokens, what `cutLengths` asks for: all of one that is kept whole, of others enough to
 * be too long. `second` is undefined for one text alone.
 */
export function readToCut(strategy, first, second, capacity) {
  if (strategy === "longest_first") readLongest(first, second, capacity);
  else if (strategy === "only_second" && second) readOne(second, first, capacity);
  else if (strategy === "only_first") readOne(first, second, capacity);
  else [first, second].forEach((one) => one?.readAll());
}

/** Where `kept` leaves no room, the error says of both how long they are. */
function readOne(cut, kept, capacity) {
  kept?.readAll();
  cut.read((kept?.length ?? 0) < capacity ? capacity + 1 : Infinity);
}

/** Which of two is longer decides on the odd token where both are too long. */
function readLongest(first, second, capacity) {
  first.read(capacity + 1);
  if (!second?.read(capacity + 1)) return;
  while (capacity % 2 === 1 && !first.isCompared(second) && !second.isCompared(first)) {
    const more = 4 * Math.max(first.length, second.length);
    first.read(more);
    second.read(more);
  }
}

/** [start, end] of windows of `size` tokens in `count`; `fromEnd`: counted from there. */
export function placeWindows(count, size, stride, fromEnd) {
  const step = size - (stride < size ? stride : Math.floor(size / 2));
  const spans = [[0, size]];
  while (size > 0 && spans.at(-1)[1] < count) {
    const start = spans.length * step;
    spans.push([start, Math.min(start + size, count)]);
  }
  return fromEnd ? spans.map(([start, end]) => [count - end, count - start]) : spans;
}

function cutOne(name, tokens, excess) {
  if (tokens > excess) return tokens - excess;
  throw new KitError(
    "cannotTruncate",
    `${name} has ${tokens} tokens and ${excess} would have to go; cut the other text`,
  );
}

/** The longer one is cut first; where both are too long they share, the longer one with the odd token. */
function balance(first, second, capacity) {
  let shorter = Math.min(first, second);
  let longer = shorter > capacity ? shorter : Math.max(shorter, capacity - shorter);
  if (shorter + longer > capacity) {
    shorter = Math.floor(capacity / 2);
    longer = shorter + (capacity % 2);
  }
  return first > second ? [longer, shorter] : [shorter, longer];
}
