package dev.bertport.bertkit

import java.util.IdentityHashMap

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
    const val MAPPED = 128
    private const val PAGE = 256
    private val HANGUL = 0xAC00..0xD7A3

    private val lowercase = readMap(CharacterTables.lowercase)
    private val decomposition = readMap(CharacterTables.decomposition)
    private val order = readRanges(CharacterTables.order)

    /** Of each page of Unicode the traits of its scalars. Pages that are alike share an array: most of Unicode is. */
    private val pages = ByteArray(PAGE).let { nothing -> Array(0x110000 / PAGE) { nothing } }

    init {
        val sets = listOf(
            REMOVED to CharacterTables.removed,
            CLEAN_SPACE to CharacterTables.cleanSpace,
            CHINESE to CharacterTables.chinese,
            NONSPACING to CharacterTables.nonspacing,
            SPLIT_SPACE to CharacterTables.splitSpace,
            PUNCTUATION to CharacterTables.punctuation,
            WORD to CharacterTables.word,
        )
        for ((trait, table) in sets) markAll(Numbers(table), trait)
        for (map in listOf(lowercase, decomposition, order)) map.keys.forEach { mark(it, it + 1, MAPPED) }
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

    private fun markAll(table: Numbers, trait: Int) {
        val whole = IdentityHashMap<ByteArray, ByteArray>()
        var at = 0
        while (table.hasNext) {
            at += table.next()
            val end = at + table.next()
            while (at < end) {
                val next = minOf(end, (at / PAGE + 1) * PAGE)
                if (next - at == PAGE) pages[at / PAGE] = whole.getOrPut(pages[at / PAGE]) { marked(at, next, trait) }
                else mark(at, next, trait)
                at = next
            }
        }
    }

    /** Scalars of one page. */
    private fun mark(from: Int, to: Int, trait: Int) {
        pages[from / PAGE] = marked(from, to, trait)
    }

    private fun marked(from: Int, to: Int, trait: Int): ByteArray {
        val page = pages[from / PAGE].clone()
        for (i in from % PAGE until from % PAGE + (to - from)) page[i] = (page[i].toInt() or trait).toByte()
        return page
    }

    /** Key less the key before, number of values, each value less the key in zigzag. */
    private fun readMap(table: String): Map<Int, IntArray> {
        val found = HashMap<Int, IntArray>()
        val read = Numbers(table)
        var key = 0
        while (read.hasNext) {
            key += read.next()
            found[key] = IntArray(read.next()) { key + unzigzag(read.next()) }
        }
        return found
    }

    private fun unzigzag(number: Int): Int = if (number % 2 == 0) number / 2 else -(number + 1) / 2

    /** Gap since the last range, length, and the value of all in it. */
    private fun readRanges(table: String): Map<Int, IntArray> {
        val found = HashMap<Int, IntArray>()
        val read = Numbers(table)
        var at = 0
        while (read.hasNext) {
            at += read.next()
            val end = at + read.next()
            val value = intArrayOf(read.next())
            while (at < end) found[at++] = value
        }
        return found
    }
}

/** The numbers of a generated table: base 36, a space between. */
private class Numbers(private val table: String) {
    private var at = 0
    val hasNext get() = at < table.length

    fun next(): Int {
        var number = 0
        while (at < table.length) {
            val digit = table[at++]
            if (digit == ' ') break
            number = number * 36 + (digit - if (digit <= '9') '0' else 'a' - 10)
        }
        return number
    }
}
