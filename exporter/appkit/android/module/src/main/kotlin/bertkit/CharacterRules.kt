package dev.bertport.bertkit

/**
 * What `tokenizers` does to a Unicode scalar, from the generated tables.
 *
 * No function of the phone's Unicode is used: its version differs from the one that the model was trained with.
 */
internal object CharacterRules {
    /** Sets that a scalar may belong to. MAPPED: one of the maps has an entry for it. */
    const val REMOVED = 1
    const val CLEAN_SPACE = 2
    const val CHINESE = 4
    const val NONSPACING = 8
    const val SPLIT_SPACE = 16
    const val PUNCTUATION = 32
    const val WORD = 64
    private const val MAPPED = 128
    private const val PAGE = 256
    private val HANGUL = 0xAC00..0xD7A3

    private val lowercase = readMap(CharacterTables.lowercase)
    private val decomposition = readMap(CharacterTables.decomposition)
    private val order = readRanges(CharacterTables.order)
    private val pages: Array<ByteArray> = fold(markTraits())

    private fun markTraits(): ByteArray {
        val traits = ByteArray(0x110000)
        val sets = listOf(
            REMOVED to CharacterTables.removed,
            CLEAN_SPACE to CharacterTables.cleanSpace,
            CHINESE to CharacterTables.chinese,
            NONSPACING to CharacterTables.nonspacing,
            SPLIT_SPACE to CharacterTables.splitSpace,
            PUNCTUATION to CharacterTables.punctuation,
            WORD to CharacterTables.word,
        )
        for ((trait, table) in sets) {
            var at = 0
            for ((gap, length) in numbers(table).chunked(2)) {
                at += gap
                repeat(length) { mark(traits, at++, trait) }
            }
        }
        for (map in listOf(lowercase, decomposition, order)) map.keys.forEach { mark(traits, it, MAPPED) }
        return traits
    }

    private fun mark(traits: ByteArray, scalar: Int, trait: Int) {
        traits[scalar] = (traits[scalar].toInt() or trait).toByte()
    }

    /** Keeps equal pages once: most of Unicode is alike. */
    private fun fold(traits: ByteArray): Array<ByteArray> {
        val known = HashMap<List<Byte>, ByteArray>()
        return Array(traits.size / PAGE) { number ->
            val page = traits.copyOfRange(number * PAGE, (number + 1) * PAGE)
            known.getOrPut(page.asList()) { page }
        }
    }

    /** Whether the scalar is in one of the sets, which are given as a sum. */
    fun has(scalar: Int, traits: Int): Boolean = pages[scalar shr 8][scalar and 0xFF].toInt() and traits != 0

    /** Its lowercase as scalars, or null where it stays. */
    fun lowercased(scalar: Int): IntArray? = if (has(scalar, MAPPED)) lowercase[scalar] else null

    /** Its canonical decomposition, or null where it is whole; of Hangul syllables too (Unicode 3.12). */
    fun decomposed(scalar: Int): IntArray? {
        if (scalar !in HANGUL) return if (has(scalar, MAPPED)) decomposition[scalar] else null
        val index = scalar - HANGUL.first
        val first = 0x1100 + index / 588
        val second = 0x1161 + index % 588 / 28
        return if (index % 28 == 0) intArrayOf(first, second) else intArrayOf(first, second, 0x11A7 + index % 28)
    }

    /** Where it stands in a run of marks: 0 stays where it is, others are sorted. */
    fun order(scalar: Int): Int = if (has(scalar, MAPPED)) order[scalar]?.first() ?: 0 else 0

    /** The numbers of a generated table: base 36, spaces between. */
    private fun numbers(table: String): List<Int> = table.split(' ').map { it.toInt(36) }

    /** Key less the key before, number of values, each value less the key in zigzag. */
    private fun readMap(table: String): Map<Int, IntArray> {
        val found = HashMap<Int, IntArray>()
        val read = numbers(table).iterator()
        var key = 0
        while (read.hasNext()) {
            key += read.next()
            found[key] = IntArray(read.next()) { key + unzigzag(read.next()) }
        }
        return found
    }

    private fun unzigzag(number: Int): Int = if (number % 2 == 0) number / 2 else -(number + 1) / 2

    /** Gap since the last range, length, and the value of all in it. */
    private fun readRanges(table: String): Map<Int, IntArray> {
        val found = HashMap<Int, IntArray>()
        var at = 0
        for ((gap, length, value) in numbers(table).chunked(3)) {
            at += gap
            repeat(length) { found[at++] = intArrayOf(value) }
        }
        return found
    }
}
