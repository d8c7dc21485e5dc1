package bertkit

import java.io.Closeable

/**
 * What every task's class has. Make one and keep it: it may be used from every thread. Every method blocks until it has
 * its answer; call it off the main thread, as in `withContext(Dispatchers.Default) { … }`.
 */
sealed class Task(val predictor: Predictor) : Closeable by predictor {
    val settings get() = predictor.settings
    val tokenizer get() = predictor.tokenizer
}

/** Text in, labels out. */
class TextClassifier(predictor: Predictor) : Task(predictor) {
    /** The labels of a text, or of a pair of texts, the most likely first. */
    fun classify(text: String, pair: String? = null): List<LabelScore> {
        val outputs = predictor.outputs(predictor.encode(text, pair))
        return rankLabels(outputs.getValue("logits"), settings.labels, settings.problem)
    }
}

/** Text in, entities out. */
class EntityFinder(predictor: Predictor) : Task(predictor) {
    /** The entities of a text in their order; of a text longer than the model takes, those in its beginning. */
    fun entities(text: String): List<Entity> {
        val encoding = predictor.encode(text)
        return findEntities(text, encoding, predictor.outputs(encoding).getValue("logits"), settings.labels)
    }
}

/** Question and context in, an answer out. */
class AnswerFinder(predictor: Predictor) : Task(predictor) {
    /** The best answer of at most `longest` tokens; null where nothing of the context is left to answer with. */
    fun answer(question: String, context: String, longest: Int = 15): Answer? {
        val encoding = predictor.encode(question, context)
        val outputs = predictor.outputs(encoding)
        return findAnswer(
            context, encoding, outputs.getValue("start_logits"), outputs.getValue("end_logits"), longest)
    }
}
