package dev.bertport.bertkit

import java.io.Closeable
import org.json.JSONException

/**
 * Texts → the model's outputs: for what the classes of the tasks do not do. Safe to share; make one and keep it.
 *
 * Throws [KitError.MissingFile], [KitError.InvalidSettings], [KitError.InvalidVocabulary] and [KitError.Runtime].
 */
class Predictor(files: KitFiles, options: ModelOptions = ModelOptions()) : Closeable {
    val settings = readSettings(String(read(files, "kit.json"), Charsets.UTF_8))
    val tokenizer = WordPieceTokenizer(settings.tokenizer, read(files, "vocab.txt"))
    private val model = openModel(settings, files, options)

    /** With the prompt that the model was trained with before it; cut to the most tokens that the model takes. */
    fun encode(text: String, pair: String? = null): Encoding =
        tokenizer.encode(settings.prompt + text, pair, settings.maxTokens)

    /**
     * Output name → numbers in the order of its shape, those of padding left out. Blocks: call it off the main thread.
     *
     * Throws [KitError.TooManyTokens] for more than a model of fixed lengths takes.
     */
    fun outputs(encoding: Encoding): Map<String, List<Float>> {
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

private fun readSettings(json: String): KitSettings = try {
    KitSettings(json)
} catch (error: JSONException) {
    throw KitError.InvalidSettings(error.message ?: error.toString())
}
