package dev.bertport.bertkit

/**
 * Texts as the model reads them.
 *
 * The lists are of one length. `starts` and `ends` are UTF-16 positions in the text that a token came from (its
 * `sequence`), as `substring` takes them; a special or padding token has none of its own: 0, 0, sequence and word -1.
 */
data class Encoding(
    val ids: List<Int>,
    val typeIds: List<Int>,
    val attentionMask: List<Int>,
    val starts: List<Int>,
    val ends: List<Int>,
    /** 0 for tokens of the first text, 1 of the second. */
    val sequences: List<Int>,
    /** The word of a token, counted from 0 in its text. */
    val words: List<Int>,
) {
    val size get() = ids.size
}

/** A piece found in a text: its id, where in the text, and in which word. */
internal class Token(val id: Int, val start: Int, val end: Int, val word: Int)
