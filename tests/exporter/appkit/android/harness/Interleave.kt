// Interleave ASSETS ROUNDS SEED guarded|bare: classify, cancel and close at random moments, with a model that notices what
// would end the process: that it is freed under a run, or run after that. `bare` goes without the lock. On stdout, as JSON:
// how many calls were answered, wrong, cancelled and too late, and crashes.
package dev.bertport.testedkit

import java.io.File
import java.util.concurrent.atomic.AtomicInteger
import java.util.concurrent.locks.LockSupport
import kotlin.random.Random
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.joinAll
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking

private val answered = AtomicInteger()
private val wrong = AtomicInteger()
private val cancelled = AtomicInteger()
private val late = AtomicInteger()
private val crashes = AtomicInteger()

fun main(arguments: Array<String>) {
    val (assets, rounds, seed, guard) = arguments
    val settings = KitSettings(File(assets, "kit.json").readText())
    val tokenizer = WordPieceTokenizer(settings.tokenizer, File(assets, "vocab.txt").readBytes())
    repeat(rounds.toInt()) { number ->
        val stub = Stub(settings)
        val model = if (guard == "guarded") GuardedModel(stub) else stub
        interleave(TextClassifier(Predictor(settings, tokenizer, model)), Random(seed.toInt() + number))
    }
    println("""{"answered": $answered, "wrong": $wrong, "cancelled": $cancelled, "late": $late, "crashes": $crashes}""")
}

private fun interleave(classifier: TextClassifier, random: Random) = runBlocking(Dispatchers.IO) {
    val ended = AtomicInteger()
    val asked = List(6) { number ->
        val (text, wait) = "dog ".repeat(1 + number) to random.nextInt(300)
        launch {
            pause(wait)
            ask(classifier, text)
            ended.incrementAndGet()
        }
    }
    val closing = random.nextInt(600).let { launch { pause(it).also { classifier.close() } } }
    val cancelling = List(2) { random.nextInt(6) to random.nextInt(400) }.map { (which, wait) ->
        launch { pause(wait).also { asked[which].cancel() } }
    }
    (asked + closing + cancelling).joinAll()
    cancelled.addAndGet(asked.size - ended.get())
}

private suspend fun ask(classifier: TextClassifier, text: String) {
    try {
        val found = classifier.classify(text)
        val settings = classifier.settings
        val logits = logits(classifier.predictor.encode(text).ids, settings)
        val isRight = found == rankLabels(logits, settings.labels, settings.problem, settings.activation)
        (if (isRight) answered else wrong).incrementAndGet()
    } catch (_: KitError.Closed) {
        late.incrementAndGet()
    } catch (error: CancellationException) {
        throw error
    } catch (_: Exception) {
        wrong.incrementAndGet()
    }
}

private fun logits(ids: List<Int>, settings: KitSettings): List<Float> = settings.labels.indices.map { ((ids.sum() + it * it) % 7).toFloat() }

private fun pause(microseconds: Int) = LockSupport.parkNanos(1_000L * microseconds)

private class Stub(private val settings: KitSettings) : Model {
    private val runs = AtomicInteger()
    @Volatile private var isFreed = false

    override fun run(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>): Map<String, List<Float>> {
        runs.incrementAndGet()
        if (isFreed) crashes.incrementAndGet()
        pause(100)
        if (isFreed) crashes.incrementAndGet()
        runs.decrementAndGet()
        return mapOf("logits" to logits(tokens.getValue("input_ids"), settings))
    }

    override fun close() {
        isFreed = true
        if (runs.get() > 0) crashes.incrementAndGet()
    }
}
