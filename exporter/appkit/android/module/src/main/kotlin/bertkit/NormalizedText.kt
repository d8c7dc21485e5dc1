package dev.bertport.bertkit

/**
 * A normalised text, and of each of its UTF-16 units where in the original text its scalar starts.
 *
 * The steps are those of `tokenizers`' BertNormalizer, the bookkeeping that of its `NormalizedString`. `start` and `end`
 * are UTF-16 positions in `original`.
 */
internal class NormalizedText(private val original: String, start: Int, end: Int, settings: TokenizerSettings) {
    val text: String
    private val origins: IntArray

    init {
        var run = clean(original, start, end, settings)
        if (settings.stripAccents) run = stripAccents(run)
        if (settings.lowercase) run = lowercase(run)
        val units = StringBuilder(run.size)
        val places = IntList(run.size)
        for (i in 0 until run.size) {
            units.appendCodePoint(run.scalar(i))
            repeat(Character.charCount(run.scalar(i))) { places.add(run.origin(i)) }
        }
        text = units.toString()
        origins = places.toArray()
    }

    /** Where the scalar at a position of the normalised text starts in the original. */
    fun start(position: Int): Int = origins[position]

    /** Where the scalar before a position of the normalised text ends in the original. */
    fun end(position: Int): Int = origins[position - 1].let { it + Character.charCount(original.codePointAt(it)) }
}

/** Scalars, and where each comes from. */
private class Run(capacity: Int) {
    private val scalars = IntList(capacity)
    private val origins = IntList(capacity)
    val size get() = scalars.size

    fun scalar(i: Int): Int = scalars[i]

    fun origin(i: Int): Int = origins[i]

    fun add(scalar: Int, origin: Int) {
        scalars.add(scalar)
        origins.add(origin)
    }
}

/** Drops control characters, makes white space spaces, puts spaces around Chinese characters. */
private fun clean(text: String, start: Int, end: Int, settings: TokenizerSettings): Run {
    val run = Run(end - start + 8)
    var at = start
    while (at < end) {
        val scalar = text.codePointAt(at)
        val origin = at
        at += Character.charCount(scalar)
        if (settings.cleanText && CharacterRules.has(scalar, CharacterRules.REMOVED)) continue
        val spaced = settings.cleanText && CharacterRules.has(scalar, CharacterRules.CLEAN_SPACE)
        val chinese = !spaced && settings.chineseCharacters && CharacterRules.has(scalar, CharacterRules.CHINESE)
        if (chinese) run.add(' '.code, origin)
        run.add(if (spaced) ' '.code else scalar, origin)
        if (chinese) run.add(' '.code, origin)
    }
    return run
}

/**
 * Decomposes, sorts runs of marks, and drops the nonspacing ones.
 *
 * Sorted parts are given origins in their new order, as `tokenizers` does it: the first part of a decomposition takes the
 * next origin, its other parts the last one taken.
 */
private fun stripAccents(run: Run): Run {
    val kept = Run(run.size)
    var next = 0
    for (part in decompose(run)) {
        if (part.isFirst) next += 1
        if (!CharacterRules.has(part.scalar, CharacterRules.NONSPACING)) kept.add(part.scalar, run.origin(maxOf(next - 1, 0)))
    }
    return kept
}

private class Part(val scalar: Int, val order: Int, val isFirst: Boolean)

/** Canonical decomposition (NFD). */
private fun decompose(run: Run): List<Part> {
    val parts = ArrayList<Part>(run.size)
    var runStart = 0
    for (i in 0 until run.size) {
        val scalars = CharacterRules.decomposed(run.scalar(i)) ?: intArrayOf(run.scalar(i))
        scalars.forEachIndexed { index, scalar ->
            val order = CharacterRules.order(scalar)
            if (order == 0) sortFrom(parts, runStart)
            parts.add(Part(scalar, order, index == 0))
            if (order == 0) runStart = parts.size
        }
    }
    sortFrom(parts, runStart)
    return parts
}

/** Sorts the marks since the last scalar that stays, equal ones as they stand. */
private fun sortFrom(parts: MutableList<Part>, start: Int) {
    if (parts.size - start > 1) parts.subList(start, parts.size).sortBy { it.order }
}

private fun lowercase(run: Run): Run {
    val lower = Run(run.size)
    for (i in 0 until run.size) {
        val mapped = CharacterRules.lowercased(run.scalar(i))
        if (mapped == null) lower.add(run.scalar(i), run.origin(i)) else mapped.forEach { lower.add(it, run.origin(i)) }
    }
    return lower
}

/** Numbers without a box around each. */
internal class IntList(capacity: Int = 16) {
    private var values = IntArray(maxOf(capacity, 1))
    var size = 0
        private set

    fun add(value: Int) {
        if (size == values.size) values = values.copyOf(2 * size)
        values[size++] = value
    }

    operator fun get(i: Int): Int = values[i]

    fun toArray(): IntArray = values.copyOf(size)
}
