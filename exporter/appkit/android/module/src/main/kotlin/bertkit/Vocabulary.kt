package dev.bertport.bertkit

import java.nio.ByteBuffer
import java.nio.charset.CharacterCodingException
import java.nio.charset.CodingErrorAction

/**
 * The pieces. Kotlin compares texts unit by unit, so no two spellings of é become one.
 *
 * `content` is vocab.txt: the piece of each id on its line, ended by 0x0A and nothing else; an empty line is an id without a
 * piece. Throws [KitError.InvalidVocabulary] where a piece stands twice or is not UTF-8.
 */
internal class Vocabulary(content: ByteArray, prefix: String) {
    private val whole = readPieces(content)
    private val continuing =
        whole.filterKeys { it.startsWith(prefix) }.mapKeysTo(HashMap()) { it.key.substring(prefix.length) }
    private val longestWhole = whole.keys.maxOfOrNull { it.length } ?: 0
    private val longestContinuing = continuing.keys.maxOfOrNull { it.length } ?: 0

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

    private fun readPieces(content: ByteArray): HashMap<String, Int> {
        val found = HashMap<String, Int>()
        decode(content).split('\n').forEachIndexed { id, piece ->
            if (piece.isNotEmpty() && found.put(piece, id) != null) {
                throw KitError.InvalidVocabulary("line ${id + 1} is $piece again")
            }
        }
        return found
    }

    private fun decode(content: ByteArray): String = try {
        val decoder = Charsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
        decoder.onUnmappableCharacter(CodingErrorAction.REPORT).decode(ByteBuffer.wrap(content)).toString()
    } catch (_: CharacterCodingException) {
        throw KitError.InvalidVocabulary("it is not UTF-8")
    }
}
