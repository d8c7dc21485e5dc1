package bertkit

import ai.onnxruntime.OnnxTensor
import ai.onnxruntime.OrtEnvironment
import ai.onnxruntime.OrtException
import ai.onnxruntime.OrtSession
import java.io.Closeable
import java.io.FileNotFoundException
import java.io.InputStream
import java.nio.FloatBuffer
import java.nio.IntBuffer
import java.nio.LongBuffer
import org.json.JSONException

/** Opens a file of the kit by its name; throws FileNotFoundException where there is none. */
typealias KitFiles = (String) -> InputStream

/**
 * Texts → the model's outputs: for what the classes of the tasks do not do. Safe to share; make one and keep it.
 *
 * Throws [KitError.MissingFile], [KitError.InvalidSettings], [KitError.InvalidVocabulary] and [KitError.Runtime].
 */
class Predictor(files: KitFiles, options: OrtSession.SessionOptions = OrtSession.SessionOptions()) : Closeable {
    val settings = readSettings(String(read(files, "kit.json"), Charsets.UTF_8))
    val tokenizer = WordPieceTokenizer(settings.tokenizer, read(files, "vocab.txt"))
    private val environment = OrtEnvironment.getEnvironment()
    private val session = runtime { environment.createSession(read(files, settings.model), options) }

    /** With the prompt that the model was trained with before it; cut to the most tokens that the model takes. */
    fun encode(text: String, pair: String? = null): Encoding =
        tokenizer.encode(settings.prompt + text, pair, settings.maxTokens)

    /** Output name → numbers in the order of its shape. Blocks: call it off the main thread. */
    fun outputs(encoding: Encoding): Map<String, List<Float>> = runtime {
        val feeds = HashMap<String, OnnxTensor>()
        try {
            for (input in settings.inputs) feeds[input.name] = tensor(input, values(encoding, input.name))
            session.run(feeds).use { found -> settings.outputs.associateWith { numbers(found, it) } }
        } finally {
            feeds.values.forEach { it.close() }
        }
    }

    private fun values(encoding: Encoding, name: String): List<Int> = when (name) {
        "attention_mask" -> encoding.attentionMask
        "token_type_ids" -> encoding.typeIds
        else -> encoding.ids
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

private fun readSettings(json: String): KitSettings = try {
    KitSettings(json)
} catch (error: JSONException) {
    throw KitError.InvalidSettings(error.message ?: error.toString())
}

private fun read(files: KitFiles, name: String): ByteArray = try {
    files(name).use { it.readBytes() }
} catch (_: FileNotFoundException) {
    throw KitError.MissingFile(name)
}

private fun <T> runtime(block: () -> T): T = try {
    block()
} catch (error: OrtException) {
    throw KitError.Runtime(error.message ?: error.toString())
}
