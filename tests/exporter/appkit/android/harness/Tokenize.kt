// Tokenize SETTINGS.json VOCAB.txt INPUT.json OUTPUT [MAX_LENGTH [STRIDE]]
//
// INPUT is a list of texts and of pairs ([first, second]). OUTPUT is int32, little-endian: of each the number of tokens,
// then its ids, type ids, mask, starts and ends, which count Unicode scalars as `tokenizers` does; with a stride, of each
// window of each pair. On stdout, as JSON: seconds to load and to tokenize, and tokens.
package dev.bertport.testedkit

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.json.JSONArray
import org.json.JSONObject

fun main(arguments: Array<String>) {
    val settings = TokenizerSettings(JSONObject(File(arguments[0]).readText()).getJSONObject("tokenizer"))
    val vocabulary = File(arguments[1]).readBytes()
    val input = JSONArray(File(arguments[2]).readText())
    val items = (0 until input.length()).map { i -> input.optJSONArray(i)?.let { listOf(it.getString(0), it.getString(1)) } ?: listOf(input.getString(i)) }
    val longest = arguments.getOrNull(4)?.toInt() ?: Int.MAX_VALUE
    val stride = arguments.getOrNull(5)?.toInt()
    val start = System.nanoTime()
    val tokenizer = WordPieceTokenizer(settings, vocabulary)
    val loaded = System.nanoTime()
    val encodings = items.map {
        if (stride == null) listOf(tokenizer.encode(it[0], it.getOrNull(1), longest)) else tokenizer.windows(it[0], it[1], longest, stride)
    }
    val done = System.nanoTime()
    val rows = encodings.zip(items).flatMap { (windows, texts) ->
        val positions = texts.map(::scalarPositions)
        windows.map { row(it, positions) }
    }
    val bytes = ByteBuffer.allocate(4 * rows.sumOf { it.size }).order(ByteOrder.LITTLE_ENDIAN)
    rows.forEach { row -> row.forEach(bytes::putInt) }
    File(arguments[3]).writeBytes(bytes.array())
    val tokens = encodings.flatten().sumOf { it.size }
    println("""{"load_s": ${(loaded - start) / 1e9}, "encode_s": ${(done - loaded) / 1e9}, "tokens": $tokens}""")
}

/** UTF-16 position → how many scalars stand before it; -1 between the halves of a scalar. */
private fun scalarPositions(text: String): IntArray {
    val positions = IntArray(text.length + 1)
    var count = 0
    for (at in text.indices) {
        val isSecondHalf = text[at].isLowSurrogate() && at > 0 && text[at - 1].isHighSurrogate()
        positions[at] = if (isSecondHalf) -1 else count++
    }
    positions[text.length] = count
    return positions
}

private fun row(encoding: Encoding, positions: List<IntArray>): List<Int> {
    fun scalars(places: List<Int>) = places.mapIndexed { i, place -> positions.getOrNull(encoding.sequences[i])?.get(place) ?: place }
    val offsets = scalars(encoding.starts) + scalars(encoding.ends)
    return listOf(encoding.size) + encoding.ids + encoding.typeIds + encoding.attentionMask + offsets
}
