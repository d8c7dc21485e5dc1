// A stub of AndroidX's InstrumentationRegistry, to type-check the tests of the phone. It never runs.
package androidx.test.platform.app

import android.content.Context
import android.os.Bundle

abstract class Instrumentation {
    abstract val context: Context
    abstract val targetContext: Context
}

object InstrumentationRegistry {
    @JvmStatic fun getInstrumentation(): Instrumentation = error("a stub")

    @JvmStatic fun getArguments(): Bundle = error("a stub")
}
