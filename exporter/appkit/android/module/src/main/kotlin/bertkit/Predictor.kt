package dev.bertport.bertkit

import java.io.Closeable
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext
import org.json.JSONException

/**
 * Texts → the model's outputs: for what the classes of the tasks do not do. Safe to share; make one and keep it.
 *
 * It may be closed at any time and from any thread: what runs goes to its end, and what comes later throws
 * [KitError.Closed].
 */
class Predictor internal constructor(
    val settings: KitSettings,
    val tokenizer: WordPieceTokenizer,
    private val model: Model,
) : Closeable {
    private constructor(read: ReadFiles) : this(read.settings, read.tokenizer, read.model)

    /**
     * Blocks while it reads the files and loads the model; from a coroutine use [open].
     *
     * Throws [KitError.MissingFile], [KitError.InvalidSettings], [KitError.InvalidVocabulary], [KitError.Storage] and
     * [KitError.Runtime].
     */
    constructor(files: KitFiles, options: ModelOptions = ModelOptions()) : this(ReadFiles(files, options))

    companion object {
        /** As the constructor, off the calling thread; one that is cancelled leaves nothing open. */
        suspend fun open(files: KitFiles, options: ModelOptions = ModelOptions()): Predictor {
            var opened: Predictor? = null
            try {
                return withContext(Dispatchers.IO) { Predictor(files, options).also { opened = it } }
            } catch (error: CancellationException) {
                opened?.close()
                throw error
            }
        }
    }

    /** With the prompt that the model was trained with before it; cut to the most tokens that the model takes. */
    fun encode(text: String, pair: String? = null): Encoding =
        tokenizer.encode(settings.prompt + text, pair, settings.maxTokens)

    /** As [outputsBlocking], off the calling thread. A coroutine that is cancelled before its run does not run. */
    suspend fun outputs(encoding: Encoding): Map<String, List<Float>> =
        withContext(Dispatchers.Default) { outputsBlocking(encoding) }

    /**
     * Output name → numbers in the order of its shape, those of padding left out. Blocks: call it off the main thread.
     *
     * Throws [KitError.TooManyTokens] for more than a model of fixed lengths takes, and [KitError.Closed].
     */
    fun outputsBlocking(encoding: Encoding): Map<String, List<Float>> {
        val chosen = settings.modelFor(encoding.size)
        val padded = tokenizer.padded(encoding, chosen.length ?: encoding.size)
        val found = model.run(chosen, settings.inputs.associate { it.name to values(padded, it.name) })
        if (padded.size == encoding.size) return found
        return found.mapValues { (name, numbers) ->
            if (name in settings.tokenOutputs) numbers.subList(0, numbers.size / padded.size * encoding.size) else numbers
        }
    }

    private fun values(encoding: Encoding, name: String): List<Int> = when (name) {
        "attention_mask" -> encoding.attentionMask
        "token_type_ids" -> encoding.typeIds
        else -> encoding.ids
    }

    override fun close() = model.close()
}

private class ReadFiles(files: KitFiles, options: ModelOptions) {
    val settings = readSettings(String(read(files, "kit.json"), Charsets.UTF_8))
    val tokenizer = WordPieceTokenizer(settings.tokenizer, read(files, "vocab.txt"))
    val model: Model = GuardedModel(openModel(settings, files, options))
}

private fun readSettings(json: String): KitSettings = try {
    KitSettings(json)
} catch (error: JSONException) {
    throw KitError.InvalidSettings(error.message ?: error.toString())
}
