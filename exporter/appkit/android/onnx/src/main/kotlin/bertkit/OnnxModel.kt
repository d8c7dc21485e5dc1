package dev.bertport.bertkit

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.LongBuffer

/** How ONNX Runtime is to run the model: on how many threads, for instance (`setIntraOpNumThreads`). */
typealias ModelOptions = OrtSession.SessionOptions

/** See [Model]. Throws [KitError.MissingFile], [KitError.Storage] and [KitError.Runtime]. */
internal fun openModel(settings: KitSettings, files: KitFiles, options: ModelOptions): Model {
    val name = settings.models.first().file
    val place = place(files, name)
    return OnnxModel(settings) { if (place == null) it.createSession(read(files, name), options) else it.createSession(place.path, options) }
}

private class OnnxModel(private val settings: KitSettings, open: (OrtEnvironment) -> OrtSession) : Model {
    private val environment = OrtEnvironment.getEnvironment()
    private val session = runtime { open(environment) }

    override fun run(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>): Map<String, List<Float>> = runtime {
        val feeds = HashMap<String, OnnxTensor>()
        try {
            for (input in settings.inputs) feeds[input.name] = tensor(input, tokens.getValue(input.name))
            session.run(feeds).use { found -> settings.outputs.associateWith { numbers(found, it) } }
        } finally {
            feeds.values.forEach { it.close() }
        }
    }

    private fun tensor(input: KitSettings.Input, values: List<Int>): OnnxTensor {
        val shape = longArrayOf(1, values.size.toLong())
        if (!input.isLong) return OnnxTensor.createTensor(environment, IntBuffer.wrap(values.toIntArray()), shape)
        return OnnxTensor.createTensor(environment, LongBuffer.wrap(LongArray(values.size) { values[it].toLong() }), shape)
    }

    private fun numbers(found: OrtSession.Result, name: String): List<Float> {
        val tensor = found.get(name).orElse(null) as? OnnxTensor ?: throw KitError.UnexpectedOutput(name)
        val buffer: FloatBuffer = tensor.floatBuffer ?: throw KitError.UnexpectedOutput(name)
        return FloatArray(buffer.remaining()).also { buffer.get(it) }.asList()
    }

    override fun close() = session.close()
}

private fun <T> runtime(block: () -> T): T = try {
    block()
} catch (error: OrtException) {
    throw KitError.Runtime("ONNX Runtime", error.message ?: error.toString())
}
