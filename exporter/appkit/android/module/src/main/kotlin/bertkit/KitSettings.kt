package dev.bertport.bertkit

import org.json.JSONArray
import org.json.JSONException
import org.json.JSONObject

/** kit.json: what the exporter knew of the model. */
class KitSettings(json: String) {
    /** An input of the model, `isLong` where it is int64. */
    class Input internal constructor(val name: String, val isLong: Boolean)

    /** The model, or one of its fixed lengths: then `length`, and `function` where the file has several. */
    class ModelFile internal constructor(json: JSONObject) {
        val file: String = json.getString("file")
        val length: Int? = if (json.has("length")) json.getInt("length") else null
        val function: String? = if (json.has("function")) json.getString("function") else null

        /** Most tokens that it takes. */
        internal val longest get() = length ?: Int.MAX_VALUE
    }

    /** What a user is shown of the model's outputs: as transformers' pipelines do. */
    class Shown internal constructor(json: JSONObject) {
        /** Tokens of an answer at most. */
        val longestAnswer: Int = json.getInt("longestAnswer")

        /** Tokens of a question and a window of its context at most. */
        val windowTokens: Int = json.getInt("windowTokens")

        /** How many of them the next window repeats. */
        val sharedTokens: Int = json.getInt("sharedTokens")

        /** Of several labels those with a logit above it are shown. */
        val likelyLogit: Double = json.getDouble("likelyLogit")

        /** What each label says of entities. */
        val tags: List<Tag> = json.getJSONArray("tags").objects().map { Tag(it) }
    }

    /** A label. Two neighbours of one `kind` are one entity unless the second `begins` one; null: it is not shown. */
    class Tag internal constructor(json: JSONObject) {
        val kind: String = json.getString("kind")
        val begins: Boolean = json.getBoolean("begins")
        val shown: String? = if (json.has("shown")) json.getString("shown") else null
    }

    private val root = JSONObject(json)
    val bertport: String = root.getString("bertport")
    val source: String = root.getString("source")
    val target: String = root.getString("target")
    val task: String = root.getString("task")
    val scheme: String = root.getString("scheme")

    /** SHA-256 of the bundle's manifest: which export this is. */
    val manifestSha256: String = root.getString("manifestSha256")

    /** Such as single_label_classification. */
    val problem: String = root.getString("problem")
    val labels: List<String> = root.getJSONArray("labels").strings()

    /** What makes scores of a classifier's logits: softmax, sigmoid or none. */
    val activation: String = root.getString("activation")

    /** Whether a text is two: a premise and a hypothesis, a query and a passage. */
    val readsPairs: Boolean = root.getBoolean("readsPairs")

    /** What stands before every text, and before the first of two; nothing for most models. */
    val prompt: String = root.getString("prompt")

    /** The model, or its lengths, the shortest first. */
    val models: List<ModelFile> =
        root.getJSONArray("models").objects().map { ModelFile(it) }.ifEmpty { throw JSONException("no model") }

    /** Where a text is truncated, special tokens included. */
    val maxTokens: Int = root.getInt("maxTokens")
    val inputs: List<Input> =
        root.getJSONArray("inputs").objects().map { Input(it.getString("name"), it.getString("dtype") == "int64") }
    val outputs: List<String> = root.getJSONArray("outputs").strings()

    /** Those of `outputs` that have a row for each token. */
    val tokenOutputs: List<String> = root.getJSONArray("tokenOutputs").strings()

    /** What was measured when the model was exported. */
    val parity: String = root.getJSONObject("parity").getString("text")

    /** The budget of the export, in logits. */
    val toleranceAbsolute: Double = root.getJSONObject("parity").getDouble("toleranceAbsolute")
    val shown = Shown(root.getJSONObject("shown"))
    val tokenizer = TokenizerSettings(root.getJSONObject("tokenizer"))

    /** The shortest of `models` that holds so many tokens. Throws [KitError.TooManyTokens]. */
    fun modelFor(tokens: Int): ModelFile =
        models.firstOrNull { tokens <= it.longest } ?: throw KitError.TooManyTokens(tokens, models.maxOf { it.longest })
}

/** What tokenizer.json says beside the vocabulary: `tokenizer` of kit.json. */
class TokenizerSettings(json: JSONObject) {
    /** A token that is found in a text before any word is. */
    class AddedToken internal constructor(json: JSONObject) {
        val text: String = json.getString("text")
        val id: Int = json.getInt("id")
        val singleWord: Boolean = json.getBoolean("singleWord")
        val lstrip: Boolean = json.getBoolean("lstrip")
        val rstrip: Boolean = json.getBoolean("rstrip")
        val normalized: Boolean = json.getBoolean("normalized")
    }

    /** A place in what is made of one text or two: a special token's id, or all of text `sequence` (0 or 1). */
    class Slot internal constructor(json: JSONObject) {
        val typeId: Int = json.getInt("typeId")
        val id: Int? = if (json.has("id")) json.getInt("id") else null
        val sequence: Int? = if (json.has("sequence")) json.getInt("sequence") else null
    }

    val unknownId: Int = json.getInt("unknownId")
    val prefix: String = json.getString("prefix")
    val maxWordScalars: Int = json.getInt("maxWordScalars")
    val cleanText: Boolean = json.getBoolean("cleanText")
    val chineseCharacters: Boolean = json.getBoolean("chineseCharacters")
    val stripAccents: Boolean = json.getBoolean("stripAccents")
    val lowercase: Boolean = json.getBoolean("lowercase")
    val added: List<AddedToken> = json.getJSONArray("added").objects().map { AddedToken(it) }
    val single: List<Slot> = json.getJSONArray("single").objects().map { Slot(it) }
    val pair: List<Slot> = json.getJSONArray("pair").objects().map { Slot(it) }
    val padId: Int = json.getInt("padId")
    val padTypeId: Int = json.getInt("padTypeId")
    val truncationStrategy: TruncationStrategy =
        TruncationStrategy.entries.first { it.name.equals(json.getString("truncationStrategy"), ignoreCase = true) }
    val truncateLeft: Boolean = json.getBoolean("truncateLeft")
}

internal fun JSONArray.objects(): List<JSONObject> = (0 until length()).map { getJSONObject(it) }

private fun JSONArray.strings(): List<String> = (0 until length()).map { getString(it) }
