package dev.bertport.bertkit

import android.content.Context
import android.content.res.AssetManager
import java.io.FileInputStream
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel

/** The kit's files among the app's assets. The model is memory-mapped, unless the app compresses it. */
fun kitAssets(context: Context): KitFiles = AssetFiles(context.assets)

internal class AssetFiles(private val assets: AssetManager) : KitFiles {
    override fun open(name: String): InputStream = assets.open("bertkit/$name")

    /** A file of the app as it lies on the disk; null where it is compressed there, or missing. */
    fun map(name: String): ByteBuffer? = try {
        assets.openFd("bertkit/$name").use { place ->
            FileInputStream(place.fileDescriptor).channel.map(FileChannel.MapMode.READ_ONLY, place.startOffset, place.declaredLength)
        }
    } catch (_: FileNotFoundException) {
        null
    }
}
