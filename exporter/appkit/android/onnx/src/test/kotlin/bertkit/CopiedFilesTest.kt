package dev.bertport.bertkit

import java.io.File
import java.io.FileNotFoundException
import java.io.IOException
import java.io.InputStream
import java.nio.file.Files
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

/** The copy of the model on the device's storage. */
class CopiedFilesTest {
    private val assets = mutableMapOf("kit.json" to "1".toByteArray(), "model.onnx" to ByteArray(100_000) { it.toByte() })
    private val opened = ArrayList<String>()
    private val files = KitFiles { name -> (assets[name] ?: throw FileNotFoundException(name)).inputStream().also { opened.add(name) } }
    private val root = Files.createTempDirectory("copied").toFile().apply { deleteOnExit() }
    private val left get() = root.walk().filter { it.isFile }.map { it.name }.toList()

    @Test
    fun aFileIsCopiedOnceForEachVersionAndOldVersionsGo() {
        val place = CopiedFiles(files, root).file("model.onnx")
        assertArrayEquals(assets["model.onnx"], place.readBytes())
        assertEquals(place, CopiedFiles(files, root).file("model.onnx"))
        assertEquals(1, opened.count { it == "model.onnx" })
        assets["kit.json"] = "2".toByteArray()
        assertTrue(place != CopiedFiles(files, root).file("model.onnx"))
        assertEquals(listOf("model.onnx"), left)
    }

    @Test
    fun whatIsCutShortLeavesNothingAndIsCopiedNextTime() {
        val broken = KitFiles { name -> if (name == "kit.json") files.open(name) else Broken(files.open(name)) }
        assertThrows(KitError.Storage::class.java) { CopiedFiles(broken, root).file("model.onnx") }
        assertEquals(emptyList<String>(), left)
        assertThrows(KitError.MissingFile::class.java) { place(CopiedFiles(files, root), "other.onnx") }
        assertArrayEquals(assets["model.onnx"], CopiedFiles(files, root).file("model.onnx").readBytes())
    }

    private class Broken(private val whole: InputStream) : InputStream() {
        private var rest = 50_000

        override fun read(): Int = if (rest-- > 0) whole.read() else throw IOException("no space left")
    }
}
