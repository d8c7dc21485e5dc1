package dev.bertport.bertkit

/**
 * The pieces. Kotlin compares texts unit by unit, so no two spellings of é become one.
 *
 * `content` is vocab.txt: the piece of each id on its line, ended by 0x0A and nothing else; an empty line is an id without a
 * piece. Throws [KitError.InvalidVocabulary] where a piece stands twice or is not UTF-8.
 */
internal class Vocabulary(content: ByteArray, private val prefix: String) {
    private val whole = HashMap<String, Int>(content.size / BYTES_PER_PIECE)
    private val continuing = HashMap<String, Int>()
    private var longestWhole = 0
    private var longestContinuing = 0

    init {
        var start = 0
        var id = 0
        var isAscii = true
        for (at in 0..content.size) {
            val byte = if (at < content.size) content[at].toInt() else LINE_FEED
            if (byte < 0) isAscii = false
            if (byte != LINE_FEED) continue
            if (start < at) add(decode(content, start, at, isAscii), id)
            start = at + 1
            id += 1
            isAscii = true
        }
    }

    /** A piece found in a word, from `start` to `end`. */
    class Found(val id: Int, val start: Int, val end: Int)

    /** The longest piece of `word` at `start`, or null: one that continues where `start` is not 0. */
    fun longestPiece(word: String, start: Int): Found? {
        val pieces = if (start == 0) whole else continuing
        val most = if (start == 0) longestWhole else longestContinuing
        for (end in minOf(word.length, start + most) downTo start + 1) {
            pieces[word.substring(start, end)]?.let { return Found(it, start, end) }
        }
        return null
    }

    private fun add(piece: String, id: Int) {
        if (whole.put(piece, id) != null) throw KitError.InvalidVocabulary("line ${id + 1} is $piece again")
        longestWhole = maxOf(longestWhole, piece.length)
        if (!piece.startsWith(prefix)) return
        continuing[piece.substring(prefix.length)] = id
        longestContinuing = maxOf(longestContinuing, piece.length - prefix.length)
    }

    /** What is not UTF-8 is repaired by reading it, and is then other bytes. */
    private fun decode(content: ByteArray, start: Int, end: Int, isAscii: Boolean): String {
        val piece = String(content, start, end - start, Charsets.UTF_8)
        if (isAscii || piece.toByteArray(Charsets.UTF_8).contentEquals(content.copyOfRange(start, end))) return piece
        throw KitError.InvalidVocabulary("it is not UTF-8")
    }

    private companion object {
        const val LINE_FEED = 0x0A

        /** So few that the map need not grow: that takes an interpreter as long as the rest. */
        const val BYTES_PER_PIECE = 5
    }
}
