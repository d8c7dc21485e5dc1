// Of the stub of Android: see AndroidStub.kt.
package android.content.res

import java.io.Closeable
import java.io.FileDescriptor
import java.io.InputStream

abstract class AssetManager {
    abstract fun open(fileName: String): InputStream

    abstract fun openFd(fileName: String): AssetFileDescriptor
}

abstract class AssetFileDescriptor : Closeable {
    abstract val fileDescriptor: FileDescriptor
    abstract val startOffset: Long
    abstract val declaredLength: Long
}
