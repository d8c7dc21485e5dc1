package dev.bertport.bertkit

import java.io.Closeable
import java.io.FileNotFoundException
import java.io.InputStream

/** Opens a file of the kit by its name; throws FileNotFoundException where there is none. */
typealias KitFiles = (String) -> InputStream

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

/** The bytes of a file. Throws [KitError.MissingFile]. */
internal fun read(files: KitFiles, name: String): ByteArray = try {
    files(name).use { it.readBytes() }
} catch (_: FileNotFoundException) {
    throw KitError.MissingFile(name)
}
