import Foundation

/// BERT's tokenizer: the ids, type ids, mask and offsets that Hugging Face's `tokenizers` gives.
public struct WordPieceTokenizer: Sendable {
    public let settings: TokenizerSettings
    private let vocabulary: Vocabulary
    private let raw: AddedTokens, normalized: AddedTokens
    private let rules = CharacterRules.shared

    /// `vocabulary` is the content of vocab.txt. Throws `KitError.invalidVocabulary`.
    public init(settings: TokenizerSettings, vocabulary: Data) throws {
        self.settings = settings
        self.vocabulary = try Vocabulary(vocabulary, prefix: settings.prefix)
        raw = AddedTokens(settings.added.filter { !$0.normalized })
        normalized = AddedTokens(settings.added.filter(\.normalized))
    }

    /// One text, or a pair of texts, cut to `maxLength` tokens (special ones included) if that is given.
    ///
    /// Of a text that is cut on the right no more is read than is kept. A lone surrogate in an `NSString`, and bytes that are no UTF-8, reach a Swift string as U+FFFD, and are treated as
    /// that. Throws `KitError.cannotTruncate` and `.lengthTooShort`.
    public func encode(
        _ text: String, pair: String? = nil, maxLength: Int? = nil, truncation: TruncationStrategy? = nil
    ) throws -> Encoding {
        let template = pair == nil ? settings.single : settings.pair
        let capacity = try capacity(maxLength ?? Int.max, template)
        let strategy = truncation ?? settings.truncationStrategy
        var texts = (reading(text), reading(pair ?? ""))
        if settings.truncateLeft {
            texts.0.readAll()
            texts.1.readAll()
        } else {
            strategy.read(&texts.0, &texts.1, capacity: capacity)
        }
        let (first, second) = try strategy.lengths(
            texts.0.count, texts.1.count, hasPair: pair != nil, capacity: capacity)
        return assemble([cut(texts.0.tokens, first), cut(texts.1.tokens, second)], template)
    }

    /// A pair as one encoding or, where it has more than `maxLength` tokens, as several: the first text in each, of the
    /// second a window. `stride` tokens of a window stand in the next one too.
    ///
    /// They are Hugging Face's with `truncation="only_second"`, `stride` and `return_overflowing_tokens`. Where the first
    /// text leaves no more room than the stride, which they refuse, windows share half of the room. Throws
    /// `KitError.cannotTruncate` where it leaves none, `.lengthTooShort` and `.invalidStride`.
    public func windows(_ text: String, pair: String, maxLength: Int, stride: Int) throws -> [Encoding] {
        guard stride >= 0 else { throw KitError.invalidStride(stride) }
        let (first, second) = (tokens(of: text), tokens(of: pair))
        let (kept, room) = try TruncationStrategy.onlySecond.lengths(
            first.count, second.count, hasPair: true, capacity: capacity(maxLength, settings.pair))
        return spans(of: second.count, size: room, stride).map { assemble([cut(first, kept), second[$0]], settings.pair) }
    }

    /// `encoding` with padding on the right up to `length` tokens; as it is where it has as many.
    public func padded(_ encoding: Encoding, to length: Int) -> Encoding {
        var wide = encoding
        while wide.count < length { wide.append(settings.padId, type: settings.padTypeId, mask: 0) }
        return wide
    }

    private func capacity(_ length: Int, _ template: [TokenizerSettings.Slot]) throws -> Int {
        let special = template.filter { $0.id != nil }.count
        guard length >= special else { throw KitError.lengthTooShort(length, specialTokens: special) }
        return length - special
    }

    /// Where windows of `size` tokens lie in `count`; where texts are cut on the left, they are counted from the end.
    private func spans(of count: Int, size: Int, _ stride: Int) -> [Range<Int>] {
        guard count > size, size > 0 else { return [0..<size] }
        let step = size - (stride < size ? stride : size / 2)
        var spans = [0..<size]
        while let last = spans.last, last.upperBound < count {
            spans.append((last.lowerBound + step)..<min(last.lowerBound + step + size, count))
        }
        return settings.truncateLeft ? spans.map { (count - $0.upperBound)..<(count - $0.lowerBound) } : spans
    }

    private func cut(_ tokens: [Token], _ count: Int) -> ArraySlice<Token> {
        settings.truncateLeft ? tokens.suffix(count) : tokens.prefix(count)
    }

    private func assemble(_ texts: [ArraySlice<Token>], _ template: [TokenizerSettings.Slot]) -> Encoding {
        var encoding = Encoding()
        for slot in template {
            if let id = slot.id {
                encoding.append(id, type: slot.typeId)
            } else if let sequence = slot.sequence {
                encoding.append(texts[sequence], type: slot.typeId, sequence: Int32(sequence))
            }
        }
        return encoding
    }

    private func reading(_ text: String) -> TextTokens { TextTokens(text, settings, rules, tokenize: tokens(of:)) }

    /// The pieces of a text, without special tokens around it.
    func tokens(of text: String) -> [Token] { tokens(of: text.unicodeScalars.map(\.value)) }

    private func tokens(of scalars: [UInt32]) -> [Token] {
        var found: [Token] = [], words: Int32 = 0
        found.reserveCapacity(scalars.count / 3)
        for part in raw.parts(of: scalars[...], rules) {
            if let id = part.id {
                found.append(token(id, part.range.lowerBound, part.range.upperBound, &words))
            } else {
                split(NormalizedText(scalars[part.range], settings, rules), &found, &words)
            }
        }
        return found
    }

    private func token(_ id: Int32, _ start: Int, _ end: Int, _ words: inout Int32) -> Token {
        defer { words += 1 }
        return Token(id: id, start: Int32(start), end: Int32(end), word: words)
    }

    /// Added tokens that are looked for in normalised text, then words.
    private func split(_ text: NormalizedText, _ found: inout [Token], _ words: inout Int32) {
        for part in normalized.parts(of: text.scalars[...], rules) {
            if let id = part.id {
                let (start, end) = (text.origins[part.range.lowerBound], text.origins[part.range.upperBound - 1] + 1)
                found.append(token(id, Int(start), Int(end), &words))
            } else {
                splitWords(text, part.range, &found, &words)
            }
        }
    }

    /// Words end at white space; a punctuation sign is one by itself.
    private func splitWords(_ text: NormalizedText, _ range: Range<Int>, _ found: inout [Token], _ words: inout Int32) {
        var start = range.lowerBound
        for position in range {
            let traits = rules.traits(text.scalars[position])
            guard !traits.isDisjoint(with: [.splitSpace, .punctuation]) else { continue }
            appendWord(text, start..<position, &found, &words)
            start = position + 1
            if !traits.contains(.splitSpace) { appendWord(text, position..<start, &found, &words) }
        }
        appendWord(text, start..<range.upperBound, &found, &words)
    }

    /// The longest piece that starts the word, then the longest that continues it, and so on; or one unknown token.
    private func appendWord(_ text: NormalizedText, _ word: Range<Int>, _ found: inout [Token], _ words: inout Int32) {
        guard !word.isEmpty else { return }
        defer { words += 1 }
        let mark = found.count
        var start = word.lowerBound, node = Vocabulary.root
        while start < word.upperBound, word.count <= settings.maxWordScalars {
            guard let piece = vocabulary.longest(in: text.scalars[start..<word.upperBound], below: node) else { break }
            let end = start + piece.length
            found.append(Token(id: piece.id, start: text.origins[start], end: text.origins[end - 1] + 1, word: words))
            (start, node) = (end, vocabulary.continuation)
        }
        if start < word.upperBound {
            found.removeSubrange(mark...)
            let (start, end) = (text.origins[word.lowerBound], text.origins[word.upperBound - 1] + 1)
            found.append(Token(id: settings.unknownId, start: start, end: end, word: words))
        }
    }
}
