package dev.bertport.bertkit

import java.io.File
import org.json.JSONArray
import org.json.JSONObject

private const val WARM_UP_RUNS = 5
private const val RUNS = 50

/** The machine; an emulator computes on the one around it. */
class Host(private val device: String, private val system: String, private val isEmulator: Boolean = false) {
    fun json(): JSONObject = JSONObject().put("device", device).put("system", system)
        .put("cores", Runtime.getRuntime().availableProcessors()).put("simulator", isEmulator)
}

/**
 * What a run found, as `bertport report` reads it: times in seconds, memory in bytes, every raw value.
 *
 * `load_s` is load and the first run; `latency_s` are single runs of the first golden text.
 */
fun deviceRecord(files: KitFiles, golden: JSONObject, host: Host): JSONObject {
    val start = System.nanoTime()
    return Predictor(files).use { predictor ->
        val encoding = encode(predictor.settings, predictor.tokenizer, golden.getJSONArray("vectors").getJSONObject(0))
        predictor.outputsBlocking(encoding)
        val load = secondsSince(start)
        val latency = List(WARM_UP_RUNS + RUNS) { System.nanoTime().also { predictor.outputsBlocking(encoding) }.let(::secondsSince) }
        val run = run(replay(predictor, golden), predictor.settings.toleranceAbsolute)
            .put("tokens", encoding.size).put("load_s", load).put("latency_s", JSONArray(latency.drop(WARM_UP_RUNS)))
        record(predictor.settings, golden, run).put("host", host.json())
    }
}

private fun secondsSince(start: Long): Double = (System.nanoTime() - start) / 1e9

private fun run(found: Replayed, tolerance: Double): JSONObject {
    val isFinite = found.differences.isNotEmpty() && found.differences.all { it.isFinite() }
    return JSONObject()
        .put("compute_units", "cpu")
        .put("max_absolute", if (isFinite) found.largestDifference else -1.0)
        .put("mean_absolute", if (isFinite) found.differences.average() else -1.0)
        .put("verdict", if (isFinite && found.largestDifference <= tolerance) "pass" else "fail")
}

private fun record(settings: KitSettings, golden: JSONObject, run: JSONObject): JSONObject = JSONObject()
    .put("kind", "device").put("schema_version", 1).put("status", "measured")
    .put("bertport", settings.bertport).put("source", settings.source).put("target", settings.target).put("task", settings.task)
    .put("scheme", settings.scheme).put("manifest_sha256", settings.manifestSha256)
    .put("vectors", golden.getJSONArray("vectors").length()).put("tolerance_absolute", settings.toleranceAbsolute)
    .put("runs", JSONArray(listOf(run))).put("peak_rss_bytes", peakRssBytes())

/** The largest resident size of this process as Linux tells it, which Android is too; 0 on other systems. */
private fun peakRssBytes(): Long {
    val status = File("/proc/self/status")
    val line = if (status.canRead()) status.readLines().firstOrNull { it.startsWith("VmHWM:") } else null
    return 1024 * (line?.filter { it.isDigit() }?.toLong() ?: 0)
}
