// Of the stub of Android: see AndroidStub.kt.
package android.os

abstract class Bundle {
    abstract fun getString(key: String): String?
}

object Build {
    const val HARDWARE = ""
    const val MANUFACTURER = ""
    const val MODEL = ""

    object VERSION {
        const val RELEASE = ""
    }
}
