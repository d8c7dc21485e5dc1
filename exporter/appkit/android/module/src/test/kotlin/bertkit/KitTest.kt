package dev.bertport.bertkit

import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** On this machine, `./gradlew test`: all but the model. */
class KitTest {
    private val files = kitFolder(File("src/main/assets/bertkit"))
    private val golden get() = JSONObject(File("src/sharedTest/assets/golden.json").readText())
    private val settings = KitSettings(String(read(files, "kit.json"), Charsets.UTF_8))
    private val tokenizer = WordPieceTokenizer(settings.tokenizer, read(files, "vocab.txt"))

    @Test
    fun goldenTextsGiveTheIdsOfPyTorch() {
        val vectors = golden.getJSONArray("vectors").objects()
        assertTrue(vectors.isNotEmpty())
        assertTrue(vectors.all { sameTokens(encode(settings, tokenizer, it), it) })
        vectors[0].getJSONArray("input_ids").put(1, -1)
        assertFalse(sameTokens(encode(settings, tokenizer, vectors[0]), vectors[0]))
    }

    @Test
    fun paddingStandsBehindTheText() {
        val plain = tokenizer.encode("a few words")
        val padded = tokenizer.padded(plain, plain.size + 2)
        assertEquals(plain.ids + List(2) { settings.tokenizer.padId }, padded.ids)
        assertEquals(plain.attentionMask + listOf(0, 0), padded.attentionMask)
        assertEquals(plain.sequences + listOf(-1, -1), padded.sequences)
        assertEquals(plain, tokenizer.padded(plain, 1))
    }

    @Test
    fun theShortestModelTakesTheText() {
        for (model in settings.models) assertEquals(model, settings.modelFor(model.length ?: 100_000))
        assertEquals(settings.models.first(), settings.modelFor(1))
        val longest = settings.models.last().length ?: return
        assertThrows(KitError.TooManyTokens::class.java) { settings.modelFor(longest + 1) }
    }

    @Test
    fun anyTextHasTokens() {
        val special = tokenizer.encode("").size
        assertTrue(tokenizer.encode("a few words ".repeat(90_000)).size > 90_000)
        assertEquals(16, tokenizer.encode("a few words ".repeat(90_000), maxLength = 16).size)
        assertEquals(tokenizer.encode("a\uFFFD b\uFFFD"), tokenizer.encode("a\uD800 b\uDC00"))
        assertEquals(special, tokenizer.encode("\uD800", maxLength = special).size)
    }

    @Test
    fun ofALongTextNoMoreIsReadThanIsAskedFor() {
        val text = "a few words, ".repeat(80_000)
        var most = 0
        val reading = TextTokens(text, settings.tokenizer) { part ->
            most = maxOf(most, part.length)
            someTokens(part)
        }
        reading.read(128)
        assertTrue("$most", reading.size >= 128 && most < 10_000)
        reading.readAll()
        assertEquals(text.length, most)
        assertEquals(someTokens(text).size, reading.size)
    }

    /** One for each word. */
    private fun someTokens(text: String) =
        Regex("\\w+").findAll(text).map { Token(0, it.range.first, it.range.last + 1, 0) }.toList()

    @Test
    fun aLongContextIsReadToItsEndInWindows() {
        val context = "a long text ".repeat(100)
        val whole = tokenizer.encode("a", context)
        val windows = tokenizer.windows("a", context, 24, 12)
        assertTrue(windows.size > 20)
        assertEquals(whole.ends.max(), windows.last().ends.max())
        assertEquals(listOf(whole), tokenizer.windows("a", context, whole.size, 12))
    }

    @Test
    fun errorsSayWhatWasExpected() {
        assertThrows(KitError.LengthTooShort::class.java) { tokenizer.encode("a", maxLength = 0) }
        assertThrows(KitError.CannotTruncate::class.java) {
            tokenizer.encode("a b c d", "e", maxLength = 5, truncation = TruncationStrategy.ONLY_SECOND)
        }
        assertThrows(KitError.CannotTruncate::class.java) { tokenizer.windows("a b c d", "e f", 5, 0) }
        assertThrows(KitError.InvalidStride::class.java) { tokenizer.windows("a", "b", 9, -1) }
        for (wrong in listOf("[UNK]\na\na\n".toByteArray(), byteArrayOf(-1))) {
            assertThrows(KitError.InvalidVocabulary::class.java) { WordPieceTokenizer(settings.tokenizer, wrong) }
        }
    }
}
