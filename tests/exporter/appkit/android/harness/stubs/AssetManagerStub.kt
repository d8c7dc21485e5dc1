// Of the stub of Android: see AndroidStub.kt.
package android.content.res

import java.io.InputStream

abstract class AssetManager {
    abstract fun open(fileName: String): InputStream
}
