package dev.bertport.bertkit

/**
 * BERT's tokenizer: the ids, type ids, mask and offsets that Hugging Face's `tokenizers` gives. Safe to share.
 *
 * `vocabulary` is the content of vocab.txt. Throws [KitError.InvalidVocabulary].
 */
class WordPieceTokenizer(val settings: TokenizerSettings, vocabulary: ByteArray) {
    private val vocabulary = Vocabulary(vocabulary, settings.prefix)
    private val raw = AddedTokens(settings.added.filterNot { it.normalized })
    private val normalized = AddedTokens(settings.added.filter { it.normalized })

    /**
     * One text, or a pair of texts, cut to `maxLength` tokens (special ones included) if that is given.
     *
     * Of a text that is cut on the right no more is read than is kept. A surrogate without its other half is treated as U+FFFD, which is what UTF-8 makes of it. Throws
     * [KitError.CannotTruncate] and [KitError.LengthTooShort].
     */
    fun encode(
        text: String,
        pair: String? = null,
        maxLength: Int = Int.MAX_VALUE,
        truncation: TruncationStrategy = settings.truncationStrategy,
    ): Encoding {
        val template = if (pair == null) settings.single else settings.pair
        val capacity = capacity(maxLength, template)
        val texts = listOfNotNull(text, pair).map(::reading)
        if (settings.truncateLeft) texts.forEach { it.readAll() } else truncation.read(texts[0], texts.getOrNull(1), capacity)
        val sizes = truncation.lengths(texts[0].size, texts.getOrNull(1)?.size, capacity)
        return assemble(texts.mapIndexed { i, one -> cut(one.tokens, sizes[i]) }, template)
    }

    /**
     * A pair as one encoding or, where it has more than `maxLength` tokens, as several: the first text in each, of the
     * second a window. `stride` tokens of a window stand in the next one too.
     *
     * They are Hugging Face's with `truncation="only_second"`, `stride` and `return_overflowing_tokens`. Where the first
     * text leaves no more room than the stride, which they refuse, windows share half of the room. Throws
     * [KitError.CannotTruncate] where it leaves none, [KitError.LengthTooShort] and [KitError.InvalidStride].
     */
    fun windows(text: String, pair: String, maxLength: Int, stride: Int): List<Encoding> {
        if (stride < 0) throw KitError.InvalidStride(stride)
        val (first, second) = listOf(text, pair).map { one -> reading(one).apply { readAll() }.tokens }
        val most = capacity(maxLength, settings.pair)
        val (kept, room) = TruncationStrategy.ONLY_SECOND.lengths(first.size, second.size, most)
        return placeWindows(second.size, room, stride, settings.truncateLeft).map { (start, end) ->
            assemble(listOf(cut(first, kept), second.subList(start, end)), settings.pair)
        }
    }

    /** `encoding` with padding on the right up to `length` tokens; as it is where it has as many. */
    fun padded(encoding: Encoding, length: Int): Encoding {
        val more = length - encoding.size
        if (more <= 0) return encoding
        fun List<Int>.with(value: Int) = this + List(more) { value }
        return Encoding(
            ids = encoding.ids.with(settings.padId),
            typeIds = encoding.typeIds.with(settings.padTypeId),
            attentionMask = encoding.attentionMask.with(0),
            starts = encoding.starts.with(0),
            ends = encoding.ends.with(0),
            sequences = encoding.sequences.with(-1),
            words = encoding.words.with(-1),
        )
    }

    private fun capacity(length: Int, template: List<TokenizerSettings.Slot>): Int {
        val special = template.count { it.id != null }
        if (length < special) throw KitError.LengthTooShort(length, special)
        return length - special
    }

    private fun cut(tokens: List<Token>, count: Int) = if (settings.truncateLeft) tokens.takeLast(count) else tokens.take(count)

    private fun assemble(texts: List<List<Token>>, template: List<TokenizerSettings.Slot>): Encoding {
        val placed = template.flatMap { slot ->
            val tokens = slot.sequence?.let { texts[it] } ?: listOf(Token(slot.id ?: settings.unknownId, 0, 0, -1))
            tokens.map { it to slot }
        }
        return Encoding(
            ids = placed.map { (token, _) -> token.id },
            typeIds = placed.map { (_, slot) -> slot.typeId },
            attentionMask = placed.map { 1 },
            starts = placed.map { (token, _) -> token.start },
            ends = placed.map { (token, _) -> token.end },
            sequences = placed.map { (_, slot) -> slot.sequence ?: -1 },
            words = placed.map { (token, _) -> token.word },
        )
    }

    private fun reading(text: String) = TextTokens(text, settings, ::tokens)

    /** The pieces of a text, without special tokens around it. */
    private fun tokens(text: String): List<Token> {
        val found = Tokens()
        for (part in raw.parts(text)) {
            if (part.id != null) found.addWhole(part.id, part.start, part.end)
            else split(NormalizedText(text, part.start, part.end, settings), found)
        }
        return found.list
    }

    private class Tokens {
        val list = ArrayList<Token>()
        var words = 0

        fun addWhole(id: Int, start: Int, end: Int) {
            list.add(Token(id, start, end, words++))
        }
    }

    /** Added tokens that are looked for in normalised text, then words. */
    private fun split(text: NormalizedText, found: Tokens) {
        for (part in normalized.parts(text.text)) {
            if (part.id != null) found.addWhole(part.id, text.start(part.start), text.end(part.end))
            else splitWords(text, part.start, part.end, found)
        }
    }

    /** Words end at white space; a punctuation sign is one by itself. */
    private fun splitWords(text: NormalizedText, from: Int, to: Int, found: Tokens) {
        var start = from
        var at = from
        while (at < to) {
            val scalar = text.text.codePointAt(at)
            val next = at + Character.charCount(scalar)
            if (CharacterRules.has(scalar, CharacterRules.SPLIT_SPACE or CharacterRules.PUNCTUATION)) {
                addWord(text, start, at, found)
                if (!CharacterRules.has(scalar, CharacterRules.SPLIT_SPACE)) addWord(text, at, next, found)
                start = next
            }
            at = next
        }
        addWord(text, start, to, found)
    }

    /** The longest piece that starts the word, then the longest that continues it, and so on; or one unknown token. */
    private fun addWord(text: NormalizedText, from: Int, to: Int, found: Tokens) {
        if (from == to) return
        val word = text.text.substring(from, to)
        val pieces = pieces(word) ?: listOf(Vocabulary.Found(settings.unknownId, 0, word.length))
        for (piece in pieces) {
            found.list.add(Token(piece.id, text.start(from + piece.start), text.end(from + piece.end), found.words))
        }
        found.words += 1
    }

    private fun pieces(word: String): List<Vocabulary.Found>? {
        if (word.codePointCount(0, word.length) > settings.maxWordScalars) return null
        val found = ArrayList<Vocabulary.Found>()
        var start = 0
        while (start < word.length) {
            val piece = vocabulary.longestPiece(word, start) ?: return null
            found.add(piece)
            start = piece.end
        }
        return found
    }
}
