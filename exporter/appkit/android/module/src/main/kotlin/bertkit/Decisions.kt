package dev.bertport.bertkit

import kotlin.math.exp
import kotlin.math.sqrt

/** A label and how likely it is; in regression the value itself. */
data class LabelScore(val label: String, val score: Double)

/** A stretch of the text that is something: `text.substring(start, end)`, what it is, and how likely. */
data class Entity(val label: String, val score: Double, val start: Int, val end: Int, val text: String)

/** `context.substring(start, end)`, whole words; `noAnswer` is how likely it is that there is none here (SQuAD 2). */
data class Answer(val text: String, val score: Double, val noAnswer: Double, val start: Int, val end: Int)

/** One vector of a text; texts that mean the same point the same way. */
data class Embedding(val values: List<Float>) {
    /** Cosine of the angle to another: 1 for the same direction; 0 where one has no length. */
    fun similarity(other: Embedding): Double {
        val norms = sqrt(product(values, values) * product(other.values, other.values))
        return if (norms > 0) product(values, other.values) / norms else 0.0
    }

    private fun product(left: List<Float>, right: List<Float>) = left.indices.sumOf { left[it].toDouble() * right[it] }
}

/** e^x over their sum, largest taken out first. */
internal fun softmax(logits: List<Float>): List<Double> {
    val largest = logits.maxOrNull()?.toDouble() ?: 0.0
    val powers = logits.map { exp(it - largest) }
    val sum = powers.sum()
    return powers.map { it / sum }
}

/** Of one text's logits, the most likely first; what makes scores of them, `activation`, the checkpoint says. */
internal fun rankLabels(logits: List<Float>, labels: List<String>, problem: String, activation: String): List<LabelScore> {
    if (logits.size != labels.size) throw KitError.UnexpectedOutput("logits")
    val scores = when (activation) {
        "none" -> logits.map { it.toDouble() }
        "sigmoid" -> logits.map { 1 / (1 + exp(-it.toDouble())) }
        else -> softmax(logits)
    }
    val found = labels.zip(scores) { label, score -> LabelScore(label, score) }
    return if (problem == "regression") found else found.sortedByDescending { it.score }
}

/**
 * Neighbouring tokens of one kind, `begins` starting anew; the score is their mean. What has nothing to show is left out.
 *
 * `tags` are those of kit.json; `logits` are `tags.size` for each token of `encoding`.
 */
internal fun findEntities(text: String, encoding: Encoding, logits: List<Float>, tags: List<KitSettings.Tag>): List<Entity> {
    if (logits.size != encoding.size * tags.size) throw KitError.UnexpectedOutput("logits")
    val groups = ArrayList<EntityGroup>()
    for (token in encoding.ids.indices.filter { encoding.sequences[it] >= 0 }) {
        val scores = softmax(logits.subList(token * tags.size, (token + 1) * tags.size))
        val best = scores.indices.maxBy { scores[it] }
        val tag = tags[best]
        if (groups.lastOrNull()?.tag?.kind != tag.kind || tag.begins) groups.add(EntityGroup(tag, encoding.starts[token]))
        groups.last().add(scores[best], encoding.ends[token])
    }
    return groups.mapNotNull { it.toEntity(text) }
}

private class EntityGroup(val tag: KitSettings.Tag, private val start: Int) {
    private val scores = ArrayList<Double>()
    private var end = start

    fun add(score: Double, end: Int) {
        scores.add(score)
        this.end = maxOf(end, start)
    }

    fun toEntity(text: String) = tag.shown?.let { Entity(it, scores.average(), start, end, text.substring(start, end)) }
}

/**
 * The best start and end in the context, the end no earlier than the start and at most `longest` tokens on; null where no
 * token of the context is left.
 *
 * Both are softmax over the first token and the context's tokens, as transformers' `QuestionAnsweringPipeline` (4.x) has
 * them; the range is of whole words.
 */
internal fun findAnswer(
    context: String, encoding: Encoding, startLogits: List<Float>, endLogits: List<Float>, longest: Int,
): Answer? {
    if (startLogits.size != encoding.size) throw KitError.UnexpectedOutput("start_logits")
    if (endLogits.size != encoding.size) throw KitError.UnexpectedOutput("end_logits")
    val tokens = encoding.ids.indices.filter { encoding.sequences[it] == 1 }
    val starts = softmax((listOf(0) + tokens).map { startLogits[it] })
    val ends = softmax((listOf(0) + tokens).map { endLogits[it] })
    val (from, to) = bestSpan(starts.drop(1), ends.drop(1), longest) ?: return null
    val start = encoding.starts[wordEdge(encoding, tokens[from], -1)]
    val end = maxOf(start, encoding.ends[wordEdge(encoding, tokens[to], 1)])
    val score = starts[from + 1] * ends[to + 1]
    return Answer(context.substring(start, end), score, starts[0] * ends[0], start, end)
}

/**
 * Of the answers of a context's windows the most likely; that there is none is as likely as its least likely window says.
 * Both are what the pipeline does.
 */
internal fun bestAnswer(answers: List<Answer>): Answer? {
    val best = answers.maxByOrNull { it.score } ?: return null
    return best.copy(noAnswer = answers.minOf { it.noAnswer })
}

/** Positions from 0 of the largest product. */
private fun bestSpan(starts: List<Double>, ends: List<Double>, longest: Int): Pair<Int, Int>? {
    val spans = starts.indices.asSequence().flatMap { start ->
        (start until minOf(ends.size, start + longest)).asSequence().map { start to it }
    }
    return spans.maxByOrNull { (start, end) -> starts[start] * ends[end] }
}

/** The first (step -1) or last (step 1) token of a token's word, as far as it is in the encoding. */
private fun wordEdge(encoding: Encoding, token: Int, step: Int): Int {
    fun word(at: Int) = encoding.sequences.getOrNull(at) to encoding.words.getOrNull(at)
    var at = token
    while (word(at + step) == word(token)) at += step
    return at
}
