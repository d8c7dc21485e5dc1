package dev.bertport.bertkit

import java.io.Closeable
import java.io.File
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.InputStream
import java.util.concurrent.locks.ReentrantReadWriteLock
import kotlin.concurrent.read
import kotlin.concurrent.write

/** The kit's files by their names; throws FileNotFoundException where there is none. */
fun interface KitFiles {
    fun open(name: String): InputStream

    /** The file as it lies on the disk, for what runs the model to read by itself; null where it does not. */
    fun file(name: String): File? = null
}

/** The kit's files in a folder: those that come from outside the app, as an update of its model. */
fun kitFolder(folder: File): KitFiles = object : KitFiles {
    override fun open(name: String): InputStream = FileInputStream(File(folder, name))

    override fun file(name: String): File = File(folder, name).also { if (!it.isFile) throw FileNotFoundException(it.path) }
}

/** The model, loaded into the runtime that it is for: what [Predictor] asks. Safe to share. */
internal interface Model : Closeable {
    /**
     * A row of tokens through `file`, one of those of kit.json: numbers of the tokens by input name, all of one count →
     * output name → numbers in the order of its shape.
     *
     * Throws [KitError.Runtime] and [KitError.UnexpectedOutput].
     */
    fun run(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>): Map<String, List<Float>>
}

/**
 * A model that is freed when nobody runs it: freed under a run, the runtimes' native halves end the process. Closing
 * waits for the runs that have begun; later ones throw [KitError.Closed].
 */
internal class GuardedModel(private val model: Model) : Model {
    private val lock = ReentrantReadWriteLock()
    private var isClosed = false

    override fun run(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>): Map<String, List<Float>> = lock.read {
        if (isClosed) throw KitError.Closed()
        model.run(file, tokens)
    }

    override fun close() = lock.write {
        if (!isClosed) model.close()
        isClosed = true
    }
}

/** The bytes of a file. Throws [KitError.MissingFile]. */
internal fun read(files: KitFiles, name: String): ByteArray = found(name) { files.open(name).use { it.readBytes() } }

/** The file on the disk, if it lies there. Throws [KitError.MissingFile] and [KitError.Storage]. */
internal fun place(files: KitFiles, name: String): File? = found(name) { files.file(name) }

private fun <T> found(name: String, look: () -> T): T = try {
    look()
} catch (_: FileNotFoundException) {
    throw KitError.MissingFile(name)
}
