package dev.bertport.bertkit

import android.os.Build
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

/** On the phone: does the model still agree with PyTorch? */
class GoldenDeviceTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val files = kitAssets(instrumentation.targetContext)
    private val golden: JSONObject
        get() = JSONObject(String(instrumentation.context.assets.open("golden.json").use { it.readBytes() }, Charsets.UTF_8))

    @Test
    fun goldenTextsGiveTheIdsAndWithinTheBudgetTheOutputsOfPyTorch() = Predictor(files).use { predictor ->
        val found = replay(predictor, golden)
        assertTrue(found.vectors > 0)
        assertEquals(0, found.wrongTokens)
        assertEquals(0, found.wrongDecisions)
        assertTrue("${found.largestDifference}", found.largestDifference <= predictor.settings.toleranceAbsolute)
    }

    /** Into the folder that Gradle copies to build/outputs/connected_android_test_additional_output, or the app's own. */
    @Test
    fun aRecordForBertportReportTellsOfIt() {
        val isEmulator = Build.HARDWARE in listOf("goldfish", "ranchu")
        val host = Host("${Build.MANUFACTURER} ${Build.MODEL}", "Android ${Build.VERSION.RELEASE}", isEmulator)
        val record = deviceRecord(files, golden, host)
        val folder = InstrumentationRegistry.getArguments().getString("additionalTestOutputDir")?.let(::File)
            ?: instrumentation.targetContext.filesDir
        folder.mkdirs()
        File(folder, "bertport-device.json").writeText(record.toString(2))
        assertEquals("pass", record.getJSONArray("runs").getJSONObject(0).getString("verdict"))
    }
}
