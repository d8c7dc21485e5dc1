// A stub of the little of Android that a kit touches, to type-check against where there is no Android SDK. It never runs.
package android.content

import android.content.res.AssetManager
import java.io.File

abstract class Context {
    abstract val assets: AssetManager
    abstract val filesDir: File
    abstract val noBackupFilesDir: File
}
