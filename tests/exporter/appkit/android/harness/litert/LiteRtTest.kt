// How a LiteRT kit asks its interpreter, and what the stand-in for that refuses. Runs in the kit's folder.
package dev.bertport.testedkit

import android.content.res.AssetFileDescriptor
import android.content.res.AssetManager
import java.io.File
import java.io.FileDescriptor
import java.io.FileNotFoundException
import java.io.InputStream
import java.io.RandomAccessFile
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.IntBuffer
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.Future
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test
import org.tensorflow.lite.Interpreter

class LiteRtTest {
    private val assets = File("src/main/assets/testedkit")
    private val files = kitFolder(assets)
    private val settings = KitSettings(File(assets, "kit.json").readText())
    private val chosen = settings.models.last()
    private val size = chosen.length ?: 8

    @Test
    fun textsOfEveryLengthInTurnGiveWhatEachGivesAlone() {
        val texts = listOf(30, 1, 3, 1, 30).map { "a few words ".repeat(it) }
        val alone = texts.map { text -> Predictor(files).use { it.outputsBlocking(it.encode(text)) } }
        Predictor(files, ModelOptions().setNumThreads(2)).use { predictor ->
            assertEquals(alone, texts.map { predictor.outputsBlocking(predictor.encode(it)) })
        }
        assertEquals(3, alone.toSet().size)
    }

    @Test
    fun threadsShareOneModel() = Predictor(files).use { predictor ->
        val encodings = List(12) { predictor.encode("a few words ".repeat(1 + it % 4)) }
        val expected = encodings.map(predictor::outputsBlocking)
        assertEquals(expected, together(encodings.map { Callable { predictor.outputsBlocking(it) } }).map { it.get() })
    }

    @Test
    fun closingWaitsForARunAndARunAfterItIsAnError() {
        val predictor = Predictor(files)
        val encoding = predictor.encode("a few words")
        together(List(8) { Callable { if (it == 4) predictor.close() else runCatching { predictor.outputsBlocking(encoding) } } })
            .forEach { found -> (found.get() as? Result<*>)?.onFailure { assertTrue("$it", it is KitError.Closed) } }
        predictor.close()
        assertThrows(KitError.Closed::class.java) { predictor.outputsBlocking(encoding) }
    }

    /** As in an APK: in the middle of a file. Where the model is compressed there, it is read. */
    @Test
    fun theModelIsMappedWhereItLies() {
        val before = 4096
        val apk = File.createTempFile("app", ".apk").apply { deleteOnExit() }
        val model = File(assets, chosen.file).readBytes()
        apk.writeBytes(ByteArray(before) + model + ByteArray(100))
        val read = ArrayList<String>()
        fun assets(isCompressed: Boolean) = object : AssetManager() {
            override fun open(fileName: String): InputStream = files.open(fileName.removePrefix("testedkit/")).also { read.add(fileName) }

            override fun openFd(fileName: String): AssetFileDescriptor =
                if (isCompressed) throw FileNotFoundException("compressed") else Part(apk, before, model.size)
        }
        for (isCompressed in listOf(false, true)) {
            read.clear()
            Predictor(AssetFiles(assets(isCompressed))).use { predictor ->
                val encoding = predictor.encode("a few words")
                assertEquals(Predictor(files).use { it.outputsBlocking(encoding) }, predictor.outputsBlocking(encoding))
            }
            assertEquals(isCompressed, "testedkit/${chosen.file}" in read)
        }
    }

    @Test
    fun theStandInRefusesWhatLiteRtWould() {
        val content = File(assets, chosen.file).readBytes()
        val direct = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder()).put(content)
        refused("neither") { Interpreter(ByteBuffer.wrap(content), Interpreter.Options()) }
        val interpreter = Interpreter(direct, Interpreter.Options())
        fun inputs(count: Int) = settings.inputs.associate { it.name to IntBuffer.wrap(IntArray(count) { 1 }) }
        refused("bytes") { interpreter.runSignature(inputs(size + 1), HashMap<String, Any>(), chosen.function) }
        refused("expected") { interpreter.runSignature(inputs(size).minus("input_ids"), HashMap<String, Any>(), chosen.function) }
        refused("other") { interpreter.runSignature(inputs(size), HashMap<String, Any>(), "other") }
        refused("") { interpreter.resizeInput(0, intArrayOf(1, size, 2), true) }
        interpreter.close()
        assertThrows(IllegalStateException::class.java) { interpreter.getInputTensorCount() }
        val shared = Interpreter(direct, Interpreter.Options())
        val busy = together(List(50) { Callable { runCatching { shared.resizeInput(0, intArrayOf(1, size), true) } } })
        assertTrue(busy.any { it.get().exceptionOrNull() is AssertionError })
    }

    private fun refused(words: String, call: () -> Unit) {
        val error = assertThrows(IllegalArgumentException::class.java) { call() }
        assertTrue("$error", words in "${error.message}")
    }

    private fun <T> together(calls: List<Callable<T>>): List<Future<T>> =
        Executors.newFixedThreadPool(4).let { pool -> pool.invokeAll(calls).also { pool.shutdown() } }

    private class Part(file: File, override val startOffset: Long, override val declaredLength: Long) : AssetFileDescriptor() {
        constructor(file: File, start: Int, length: Int) : this(file, start.toLong(), length.toLong())

        private val opened = RandomAccessFile(file, "r")
        override val fileDescriptor: FileDescriptor get() = opened.fd

        override fun close() = opened.close()
    }
}
