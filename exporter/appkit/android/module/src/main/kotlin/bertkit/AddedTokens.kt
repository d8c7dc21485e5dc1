package dev.bertport.bertkit

/** Finds added and special tokens in a text, as `tokenizers`' AddedVocabulary does. */
internal class AddedTokens(tokens: List<TokenizerSettings.AddedToken>) {
    /** A part of a text: one added token (with the white space it takes), or text between them. */
    class Part(val id: Int?, val start: Int, val end: Int)

    /** The longest comes first, then the order given. */
    private val byFirst: Map<Char, List<TokenizerSettings.AddedToken>> =
        tokens.filter { it.text.isNotEmpty() }.sortedByDescending { it.text.length }.groupBy { it.text[0] }

    /** The parts of `text` in order; empty text between tokens is left out. */
    fun parts(text: String): List<Part> {
        val parts = ArrayList<Part>()
        var rest = 0
        var at = 0
        while (byFirst.isNotEmpty() && at < text.length) {
            val token = byFirst[text[at]]?.firstOrNull { text.startsWith(it.text, at) }
            val taken = token?.let { take(text, at, it, rest) }
            at += token?.text?.length ?: 1
            if (taken == null) continue
            if (rest < taken.start) parts.add(Part(null, rest, taken.start))
            parts.add(taken)
            rest = taken.end
        }
        if (rest < text.length) parts.add(Part(null, rest, text.length))
        return parts
    }

    /** What a token takes, white space included; null where it stands in a word and may not. */
    private fun take(text: String, at: Int, token: TokenizerSettings.AddedToken, rest: Int): Part? {
        var start = at
        var end = at + token.text.length
        val word = CharacterRules.WORD
        if (token.singleWord && (hasBefore(text, start, word) || hasAt(text, end, word))) return null
        // every white space scalar is one UTF-16 unit
        while (token.lstrip && start > rest && hasBefore(text, start, CharacterRules.SPLIT_SPACE)) start -= 1
        while (token.rstrip && hasAt(text, end, CharacterRules.SPLIT_SPACE)) end += 1
        return Part(token.id, start, end)
    }

    private fun hasAt(text: String, at: Int, trait: Int) = at < text.length && CharacterRules.has(text.codePointAt(at), trait)

    private fun hasBefore(text: String, at: Int, trait: Int) = at > 0 && CharacterRules.has(text.codePointBefore(at), trait)
}
