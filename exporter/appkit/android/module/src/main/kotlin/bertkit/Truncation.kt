package dev.bertport.bertkit

/** Which text gives way when two are too long together; what Hugging Face calls `truncation_strategy`. */
enum class TruncationStrategy {
    LONGEST_FIRST,
    ONLY_FIRST,
    ONLY_SECOND;

    /** Lengths of two texts (null for one that is missing) cut to `capacity` together, by the rules of `tokenizers`. */
    internal fun lengths(first: Int, second: Int?, capacity: Int): List<Int> {
        val other = second ?: 0
        val excess = first + other - capacity
        return when {
            excess <= 0 -> listOf(first, other)
            capacity == 0 -> listOf(0, 0)
            this == ONLY_FIRST -> listOf(cut("the first text", first, excess), other)
            this == ONLY_SECOND -> listOf(first, cut("the second text", other, excess))
            second == null -> listOf(capacity, 0)
            else -> balanced(first, second, capacity)
        }
    }

    /** Reads of two texts what [lengths] asks for: all of one that is kept whole, of others enough to be too long. */
    internal fun read(first: TextTokens, second: TextTokens?, capacity: Int) {
        when (this) {
            LONGEST_FIRST -> readLongest(first, second, capacity)
            ONLY_FIRST -> readOne(first, second, capacity)
            ONLY_SECOND -> if (second == null) first.readAll() else readOne(second, first, capacity)
        }
    }

    /** Where `kept` leaves no room, the error says of both how long they are. */
    private fun readOne(cut: TextTokens, kept: TextTokens?, capacity: Int) {
        kept?.readAll()
        if ((kept?.size ?: 0) < capacity) cut.read(capacity + 1) else cut.readAll()
    }

    /** Which of two is longer decides on the odd token where both are too long. */
    private fun readLongest(first: TextTokens, second: TextTokens?, capacity: Int) {
        first.read(capacity + 1)
        second?.read(capacity + 1) ?: return
        while (capacity % 2 == 1 && !first.isCompared(second) && !second.isCompared(first)) {
            val more = 4 * maxOf(first.size, second.size)
            first.read(more)
            second.read(more)
        }
    }

    private fun cut(name: String, tokens: Int, excess: Int): Int =
        if (tokens > excess) tokens - excess else throw KitError.CannotTruncate(name, tokens, excess)

    /** The longer one is cut first; where both are too long they share, the longer one with the odd token. */
    private fun balanced(first: Int, second: Int, capacity: Int): List<Int> {
        var shorter = minOf(first, second)
        var longer = if (shorter > capacity) shorter else maxOf(shorter, capacity - shorter)
        if (shorter + longer > capacity) {
            shorter = capacity / 2
            longer = shorter + capacity % 2
        }
        return if (first > second) listOf(longer, shorter) else listOf(shorter, longer)
    }
}

/** Start and end of windows of `size` tokens in `count`; `fromEnd`: counted from there. */
internal fun placeWindows(count: Int, size: Int, stride: Int, fromEnd: Boolean): List<Pair<Int, Int>> {
    val step = size - if (stride < size) stride else size / 2
    val spans = arrayListOf(0 to size)
    while (size > 0 && spans.last().second < count) {
        val start = spans.size * step
        spans.add(start to minOf(start + size, count))
    }
    return if (fromEnd) spans.map { (start, end) -> count - end to count - start } else spans
}
