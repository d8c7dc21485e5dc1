package dev.bertport.bertkit

import java.io.Closeable
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.withContext

/**
 * What every task's class has. Make one and keep it: it may be used from every coroutine, and closed at any time. It works
 * on `Dispatchers.Default`; one that is cancelled stops before its next run of the model.
 */
sealed class Task(val predictor: Predictor) : Closeable by predictor {
    val settings get() = predictor.settings
    val tokenizer get() = predictor.tokenizer

    internal suspend fun <T> work(block: suspend () -> T): T = withContext(Dispatchers.Default) { block() }
}

/** Text in, labels out. */
class TextClassifier(predictor: Predictor) : Task(predictor) {
    /**
     * The labels of a text, or of a pair of texts, the most likely first. Throws [KitError.WrongTexts] where the model reads
     * the other.
     */
    suspend fun classify(text: String, pair: String? = null): List<LabelScore> = work {
        if ((pair != null) != settings.readsPairs) throw KitError.WrongTexts(if (settings.readsPairs) 2 else 1)
        val outputs = predictor.outputs(predictor.encode(text, pair))
        rankLabels(outputs.getValue("logits"), settings.labels, settings.problem, settings.activation)
    }
}

/** Text in, entities out. */
class EntityFinder(predictor: Predictor) : Task(predictor) {
    /** The entities of a text in their order; of a text longer than the model takes, those in its beginning. */
    suspend fun entities(text: String): List<Entity> = work {
        val encoding = predictor.encode(text)
        findEntities(text, encoding, predictor.outputs(encoding).getValue("logits"), settings.shown.tags)
    }
}

/** Question and context in, an answer out. */
class AnswerFinder(predictor: Predictor) : Task(predictor) {
    /**
     * The best answer of at most `longest` tokens; null where there is nothing in the context to answer with.
     *
     * A long context is read to its end: in windows, of which neighbours share `stride` tokens, and each is one
     * prediction. Throws [KitError.CannotTruncate] for a question that leaves the
     * context no room.
     */
    suspend fun answer(
        question: String,
        context: String,
        longest: Int = settings.shown.longestAnswer,
        stride: Int = settings.shown.sharedTokens,
    ): Answer? = work {
        val windows = tokenizer.windows(question, context, settings.shown.windowTokens, stride)
        bestAnswer(windows.mapNotNull { answerIn(context, it, longest) })
    }

    private suspend fun answerIn(context: String, window: Encoding, longest: Int): Answer? {
        val outputs = predictor.outputs(window)
        return findAnswer(context, window, outputs.getValue("start_logits"), outputs.getValue("end_logits"), longest)
    }
}

/** Text in, vector out, pooled as the checkpoint's sentence-transformers files say. */
class TextEmbedder(predictor: Predictor) : Task(predictor) {
    /** The vector of a text; of one longer than the model takes, that of its beginning. */
    suspend fun embed(text: String): Embedding =
        work { Embedding(predictor.outputs(predictor.encode(text)).getValue("sentence_embedding")) }
}
