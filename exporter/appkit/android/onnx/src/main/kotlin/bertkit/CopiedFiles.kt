package dev.bertport.bertkit

import java.io.File
import java.io.FileNotFoundException
import java.io.FileOutputStream
import java.io.IOException
import java.security.MessageDigest

/**
 * Files of an archive, each copied below `root` when it is first wanted as a file. A copy is there whole or not at all;
 * those of other versions of the kit go when the first of this one is made.
 */
internal class CopiedFiles(private val source: KitFiles, private val root: File) : KitFiles by source {
    override fun file(name: String): File = synchronized(CopiedFiles::class) {
        val place = File(File(root, version()), name)
        if (place.isFile) return place
        try {
            root.listFiles()?.filter { it.name != version() }?.forEach { it.deleteRecursively() }
            copy(name, place)
        } catch (error: FileNotFoundException) {
            throw error
        } catch (error: IOException) {
            throw KitError.Storage(name, error.message ?: error.toString())
        }
        return place
    }

    /** Of the kit, as its kit.json says it. */
    private fun version(): String =
        MessageDigest.getInstance("SHA-256").digest(read(source, "kit.json")).joinToString("") { "%02x".format(it) }

    private fun copy(name: String, place: File) {
        place.parentFile?.mkdirs()
        val half = File.createTempFile("half", null, place.parentFile)
        try {
            source.open(name).use { from ->
                FileOutputStream(half).use { to -> from.copyTo(to).also { to.fd.sync() } }
            }
            if (!half.renameTo(place)) throw IOException("it cannot be moved to $place")
        } finally {
            half.delete()
        }
    }
}
