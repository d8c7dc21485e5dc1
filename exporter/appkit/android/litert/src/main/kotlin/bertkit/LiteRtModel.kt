package dev.bertport.bertkit

import java.io.File
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.IntBuffer
import java.nio.channels.FileChannel
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter

/** How LiteRT is to run the model: on how many threads, for instance (`setNumThreads`). XNNPACK is on unless switched off. */
typealias ModelOptions = Interpreter.Options

/** See [Model]. Throws [KitError.MissingFile] and [KitError.Runtime]. */
internal fun openModel(settings: KitSettings, files: KitFiles, options: ModelOptions): Model {
    val name = settings.models.first().file
    val mapped = (files as? AssetFiles)?.map(name) ?: place(files, name)?.let(::map)
    return LiteRtModel(settings, mapped ?: direct(read(files, name)), options)
}

/** `content` stays as it is while the model is open. An interpreter has one set of tensors: runs wait for each other. */
private class LiteRtModel(private val settings: KitSettings, content: ByteBuffer, options: ModelOptions) : Model {
    private val interpreter = runtime { Interpreter(content, options) }

    /** Number of a tensor → which input it is. */
    private val places by lazy { (0 until interpreter.getInputTensorCount()).associateBy { interpreter.getInputTensor(it).index() } }

    @Synchronized
    override fun run(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>): Map<String, List<Float>> = runtime {
        if (file.length == null) resize(file, tokens)
        val inputs = tokens.mapValues { (_, values) -> IntBuffer.wrap(values.toIntArray()) }
        interpreter.runSignature(inputs, HashMap<String, Any>(), file.function)
        settings.outputs.associateWith { numbers(file, it) }
    }

    /** A tensor that is filled from a buffer keeps its shape; where that is as asked, nothing is allocated anew. */
    private fun resize(file: KitSettings.ModelFile, tokens: Map<String, List<Int>>) {
        for ((name, values) in tokens) {
            val place = places.getValue(interpreter.getInputTensorFromSignature(name, file.function).index())
            interpreter.resizeInput(place, intArrayOf(1, values.size), true)
        }
    }

    /** Read from the tensor after the run, when its shape is known whatever the model computes it from. */
    private fun numbers(file: KitSettings.ModelFile, name: String): List<Float> {
        val tensor = interpreter.getOutputTensorFromSignature(name, file.function)
        if (tensor.dataType() != DataType.FLOAT32) throw KitError.UnexpectedOutput(name)
        val buffer = tensor.asReadOnlyBuffer().asFloatBuffer()
        return FloatArray(buffer.remaining()).also { buffer.get(it) }.asList()
    }

    override fun close() = interpreter.close()
}

private fun map(place: File): ByteBuffer =
    FileInputStream(place).channel.use { it.map(FileChannel.MapMode.READ_ONLY, 0, it.size()) }

/** As LiteRT takes a model that is no memory-mapped file. */
private fun direct(content: ByteArray): ByteBuffer =
    ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder()).put(content)

/** LiteRT says by these two what it could not load or run. */
private fun <T> runtime(block: () -> T): T = try {
    block()
} catch (error: IllegalArgumentException) {
    throw KitError.Runtime("LiteRT", error.message ?: error.toString())
} catch (error: IllegalStateException) {
    throw KitError.Runtime("LiteRT", error.message ?: error.toString())
}
