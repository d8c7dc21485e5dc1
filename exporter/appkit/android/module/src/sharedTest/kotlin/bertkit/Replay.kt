package dev.bertport.bertkit

import kotlin.math.abs
import org.json.JSONArray
import org.json.JSONObject

/** What a replay of golden.json found: texts that differ, differences in logits, milliseconds of each run. */
class Replayed {
    var vectors = 0
    var wrongTokens = 0
    var wrongDecisions = 0
    val differences = ArrayList<Double>()

    /** NaN where a number is. */
    val largestDifference get() = differences.fold(0.0) { most, one -> if (one <= most) most else one }
    val runsMs = ArrayList<Double>()
}

/** Replays golden.json: text → ids, ids → outputs, outputs → what a user sees, each beside what PyTorch gives. */
fun replay(predictor: Predictor, golden: JSONObject): Replayed {
    val found = Replayed()
    for (vector in golden.getJSONArray("vectors").objects()) {
        val encoding = encode(predictor.settings, predictor.tokenizer, vector)
        val start = System.nanoTime()
        val outputs = predictor.outputsBlocking(encoding)
        found.runsMs.add((System.nanoTime() - start) / 1e6)
        found.vectors += 1
        if (!sameTokens(encoding, vector)) found.wrongTokens += 1
        for (name in predictor.settings.outputs) {
            compare(found, outputs.getValue(name), vector.getJSONArray(name), predictor.settings)
        }
    }
    return found
}

/** A golden text is cut as it was at the export: the longest first, to the model's positions, whatever its tokenizer says. */
internal fun encode(settings: KitSettings, tokenizer: WordPieceTokenizer, vector: JSONObject): Encoding {
    val pair = if (vector.has("text_pair")) vector.getString("text_pair") else null
    val maxLength = maxOf(settings.maxTokens, vector.getJSONArray("input_ids").length())
    return tokenizer.encode(settings.prompt + vector.getString("text"), pair, maxLength, TruncationStrategy.LONGEST_FIRST)
}

internal fun sameTokens(encoding: Encoding, vector: JSONObject): Boolean {
    fun same(ours: List<Int>, name: String) = !vector.has(name) || ours.map { it.toDouble() } == flat(vector.getJSONArray(name))
    return same(encoding.ids, "input_ids") && same(encoding.typeIds, "token_type_ids") &&
        same(encoding.attentionMask, "attention_mask")
}

/** NaN differs from all. */
private fun compare(found: Replayed, ours: List<Float>, expected: JSONArray, settings: KitSettings) {
    val theirs = flat(expected)
    found.differences += theirs.mapIndexed { i, value -> abs(value - (ours.getOrNull(i) ?: Float.NaN)) }
    val width = expected.optJSONArray(0)?.length() ?: theirs.size
    if (decide(ours.map { it.toDouble() }, width, settings) != decide(theirs, width, settings)) found.wrongDecisions += 1
}

/** Which label of each row of `width` numbers: the largest, or for several labels at once all that are likely. */
private fun decide(values: List<Double>, width: Int, settings: KitSettings): List<Any> =
    if (settings.problem == "multi_label_classification") values.map { it > settings.shown.likelyLogit }
    else values.chunked(width).map { row -> row.indices.maxBy { row[it] } }

private fun flat(array: JSONArray): List<Double> =
    (0 until array.length()).flatMap { i -> array.optJSONArray(i)?.let { flat(it) } ?: listOf(array.getDouble(i)) }
