package bertkit

import androidx.test.platform.app.InstrumentationRegistry
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** On the phone: does the model still agree with PyTorch? */
class GoldenDeviceTest {
    @Test
    fun goldenTextsGiveTheIdsAndWithinTheBudgetTheOutputsOfPyTorch() {
        val instrumentation = InstrumentationRegistry.getInstrumentation()
        val golden = instrumentation.context.assets.open("golden.json").use { it.readBytes() }
        Predictor(kitAssets(instrumentation.targetContext)).use { predictor ->
            val found = replay(predictor, JSONObject(String(golden, Charsets.UTF_8)))
            assertTrue(found.vectors > 0)
            assertEquals(0, found.wrongTokens)
            assertEquals(0, found.wrongDecisions)
            assertTrue("${found.largestDifference}", found.largestDifference <= predictor.settings.toleranceAbsolute)
            println("bertport: ${found.vectors} vectors, milliseconds ${found.runsMs}")
        }
    }
}
