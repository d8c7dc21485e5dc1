// Ask ASSETS INPUT.json OUTPUT.json […]: what each kit, given by its folder of assets, answers with the class of its task.
//
// INPUT is a list of argument lists; those of an answer are question, context, most tokens and stride, null for the kit's
// own. OUTPUT, as JSON: the answers, of an embedding its numbers.
package dev.bertport.testedkit

import java.io.File
import kotlinx.coroutines.runBlocking
import org.json.JSONArray
import org.json.JSONObject

fun main(arguments: Array<String>) {
    for ((assets, input, output) in arguments.toList().chunked(3)) {
        Predictor(kitFolder(File(assets))).use { predictor ->
            val asked = JSONArray(File(input).readText())
            val answers = runBlocking { (0 until asked.length()).map { answer(predictor, asked.getJSONArray(it)) ?: JSONObject.NULL } }
            File(output).writeText(JSONArray(answers).toString())
        }
    }
}

private suspend fun answer(predictor: Predictor, asked: JSONArray): Any? = when (predictor.settings.task) {
    "text-classification", "text-ranking" -> {
        val pair = if (asked.length() > 1) asked.getString(1) else null
        JSONArray(TextClassifier(predictor).classify(asked.getString(0), pair).map { JSONObject().put("label", it.label).put("score", it.score) })
    }
    "token-classification" -> JSONArray(EntityFinder(predictor).entities(asked.getString(0)).map {
        span(it.start, it.end, it.text, it.score).put("label", it.label)
    })
    "question-answering" -> {
        val (question, context) = listOf(asked.getString(0), asked.getString(1))
        val finder = AnswerFinder(predictor)
        val answer = when {
            asked.isNull(2) -> finder.answer(question, context)
            asked.isNull(3) -> finder.answer(question, context, asked.getInt(2))
            else -> finder.answer(question, context, asked.getInt(2), asked.getInt(3))
        }
        answer?.let { span(it.start, it.end, it.text, it.score).put("noAnswer", it.noAnswer) }
    }
    else -> JSONArray(TextEmbedder(predictor).embed(asked.getString(0)).values.map { it.toDouble() })
}

private fun span(start: Int, end: Int, text: String, score: Double): JSONObject =
    JSONObject().put("start", start).put("end", end).put("text", text).put("score", score)
