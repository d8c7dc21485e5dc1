package dev.bertport.bertkit

import java.io.File
import java.io.FileNotFoundException
import java.util.concurrent.ArrayBlockingQueue
import kotlin.concurrent.thread
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.yield
import org.json.JSONArray
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The model on this machine, `./gradlew test`: for what runs it there is a desktop build. */
class ModelTest {
    private val files = kitFolder(File("src/main/assets/bertkit"))
    private val golden get() = JSONObject(File("src/sharedTest/assets/golden.json").readText())
    private val settings = KitSettings(String(read(files, "kit.json"), Charsets.UTF_8))

    @Test
    fun goldenTextsGiveTheIdsAndWithinTheBudgetTheOutputsOfPyTorch() = Predictor(files).use { predictor ->
        val found = replay(predictor, golden)
        assertTrue(found.vectors > 0)
        assertEquals(0, found.wrongTokens)
        assertEquals(0, found.wrongDecisions)
        assertTrue("${found.largestDifference}", found.largestDifference <= settings.toleranceAbsolute)
    }

    /** BERTPORT_RECORD says where. */
    @Test
    fun aRecordForBertportReportTellsOfIt() {
        val system = "${System.getProperty("os.name")} ${System.getProperty("os.version")}, Java ${System.getProperty("java.version")}"
        val record = deviceRecord(files, golden, Host(System.getProperty("os.arch"), system))
        System.getenv("BERTPORT_RECORD")?.let { File(it).writeText(record.toString(2)) }
        assertEquals("pass", record.getJSONArray("runs").getJSONObject(0).getString("verdict"))
    }

    @Test
    fun aChangedOutputIsSeen() = Predictor(files).use { predictor ->
        val changed = golden
        val vector = changed.getJSONArray("vectors").getJSONObject(0)
        vector.getJSONArray("input_ids").put(1, -1)
        vector.put(settings.outputs[0], shifted(vector.getJSONArray(settings.outputs[0])))
        val found = replay(predictor, changed)
        assertEquals(1, found.wrongTokens)
        assertTrue(found.largestDifference > settings.toleranceAbsolute)
    }

    private fun shifted(array: JSONArray): JSONArray =
        JSONArray((0 until array.length()).map { i -> array.optJSONArray(i)?.let { shifted(it) } ?: (array.getDouble(i) + 10) })

    @Test
    fun errorsSayWhatIsWrongWithTheFiles() {
        assertThrows(KitError.MissingFile::class.java) { Predictor({ throw FileNotFoundException(it) }) }
        assertThrows(KitError.Runtime::class.java) { Predictor(damaged(settings.models[0].file)) }
        assertThrows(KitError.InvalidSettings::class.java) { Predictor(damaged("kit.json")) }
    }

    private fun damaged(ending: String) = KitFiles { name -> if (name.endsWith(ending)) "{".byteInputStream() else files.open(name) }

    /** Freed under a run, ONNX Runtime ends the process. */
    @Test
    fun closingWaitsForRunsAndLaterOnesSayThatItIsClosed() = repeat(10) {
        val predictor = Predictor(files)
        val encoding = predictor.encode("a few words")
        val expected = predictor.outputsBlocking(encoding)
        val asked = ArrayBlockingQueue<Result<Any>>(4_000)
        val threads = List(4) { thread { repeat(1_000) { asked.add(runCatching { predictor.outputsBlocking(encoding) }) } } }
        Thread.sleep(5)
        predictor.close()
        predictor.close()
        threads.forEach { it.join() }
        for (found in asked) found.onSuccess { assertEquals(expected, it) }.onFailure { assertTrue("$it", it is KitError.Closed) }
        assertThrows(KitError.Closed::class.java) { predictor.outputsBlocking(encoding) }
    }

    @Test
    fun whoIsCancelledWhileItOpensGetsNothing() = runBlocking {
        val opening = launch { Predictor.open(files).close() }
        yield()
        opening.cancelAndJoin()
        assertTrue(opening.isCancelled)
        Predictor.open(files).use { assertTrue(it.outputs(it.encode("a")).isNotEmpty()) }
    }

    @Test
    fun aTaskAnswersInTheTermsOfItsText() = runBlocking { Predictor(files).use { answersInTheTermsOfItsText(it) } }

    private suspend fun answersInTheTermsOfItsText(predictor: Predictor) {
        val vector = golden.getJSONArray("vectors").getJSONObject(0)
        val text = vector.getString("text")
        when (settings.task) {
            "text-classification", "text-ranking" -> {
                val (pair, other) = if (settings.readsPairs) vector.getString("text_pair") to null else null to text
                assertEquals(settings.labels.toSet(), TextClassifier(predictor).classify(text, pair).map { it.label }.toSet())
                val refused = runCatching { TextClassifier(predictor).classify(text, other) }.exceptionOrNull()
                assertTrue("$refused", refused is KitError.WrongTexts)
            }
            "sentence-similarity" -> TextEmbedder(predictor).embed(text).let { assertEquals(1.0, it.similarity(it), 1e-6) }
            "token-classification" -> for (entity in EntityFinder(predictor).entities(text)) {
                assertEquals(entity.text, text.substring(entity.start, entity.end))
            }
            else -> {
                val context = vector.getString("text_pair")
                val answer = AnswerFinder(predictor).answer(text, context)
                assertEquals(answer?.text, answer?.let { context.substring(it.start, it.end) })
            }
        }
    }
}
