package dev.bertport.bertkit

/**
 * The tokens of one text from its start, no more of it read than is asked for; each is the one that the whole text gives.
 *
 * `tokenize` gives those of a text that is whole.
 */
internal class TextTokens(
    private val text: String,
    settings: TokenizerSettings,
    private val tokenize: (String) -> List<Token>,
) {
    /** Scalars behind a token's end that may have a say in it: those of the longest added token and its neighbour. */
    private val margin = 2 + (settings.added.maxOfOrNull { it.text.length } ?: 0)
    private val boundary =
        CharacterRules.SPLIT_SPACE or CharacterRules.PUNCTUATION or (if (settings.chineseCharacters) CharacterRules.CHINESE else 0)
    var tokens: List<Token> = emptyList()
        private set
    private var isWhole = false
    val size get() = tokens.size

    /** Reads on until there are `count` tokens, or all. */
    fun read(count: Int) {
        var length = START + UNITS_PER_TOKEN * count
        while (!isWhole && size < count) {
            isWhole = length >= text.length
            val part = wellFormed(if (isWhole) text else text.substring(0, length.toInt()))
            val read = tokenize(part)
            val end = if (isWhole) part.length else settledEnd(part)
            tokens = if (isWhole) read else read.takeWhile { it.end <= end }
            length *= 4
        }
    }

    fun readAll() = read(Int.MAX_VALUE)

    /** Whether it is known to have more tokens than another, or not to. */
    fun isCompared(other: TextTokens): Boolean = isWhole && (other.isWhole || other.size > size)

    /**
     * Where a part of the text can end without a word, a run of marks or an added token before that place being another in
     * the whole: before white space, a punctuation sign or a Chinese character with `margin` scalars after it that
     * normalising leaves one each. 0 where there is none.
     */
    private fun settledEnd(part: String): Int {
        var rest = margin
        var at = part.length
        while (at > 0) {
            val scalar = part.codePointBefore(at)
            at -= Character.charCount(scalar)
            if (CharacterRules.has(scalar, CHANGING)) continue
            if (rest == 0 && CharacterRules.has(scalar, boundary)) return at
            if (rest > 0) rest -= 1
        }
        return 0
    }

    private companion object {
        /** What is tried first: most texts have fewer UTF-16 units for a token. */
        const val UNITS_PER_TOKEN = 8L
        const val START = 64L
        const val CHANGING = CharacterRules.REMOVED or CharacterRules.NONSPACING or CharacterRules.MAPPED
    }
}

/** The text with U+FFFD for each surrogate without its other half. */
internal fun wellFormed(text: String): String {
    if (text.none { it.isSurrogate() }) return text
    val units = text.toCharArray()
    for ((i, unit) in text.withIndex()) {
        val paired = if (unit.isHighSurrogate()) text.getOrNull(i + 1)?.isLowSurrogate() else text.getOrNull(i - 1)?.isHighSurrogate()
        if (unit.isSurrogate() && paired != true) units[i] = '\uFFFD'
    }
    return String(units)
}
