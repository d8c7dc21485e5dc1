/// Finds added and special tokens in scalars, as `tokenizers`' AddedVocabulary does.
struct AddedTokens: Sendable {
    /// A part of a text: one added token (with the white space it takes), or text between them.
    struct Part {
        let id: Int32?
        let range: Range<Int>
    }

    private struct Searched {
        let scalars: [UInt32]
        let token: TokenizerSettings.AddedToken
    }

    private let byFirst: [UInt32: [Searched]]
    /// By the low byte of a scalar, whether a token may start with it: saves nearly every look into `byFirst`.
    private var mayStart = [Bool](repeating: false, count: 256)

    /// The longest comes first, then the order given.
    init(_ tokens: [TokenizerSettings.AddedToken]) {
        let searched = tokens.map { Searched(scalars: $0.text.unicodeScalars.map(\.value), token: $0) }
        let sorted = searched.enumerated().filter { !$1.scalars.isEmpty }
            .sorted { (-$0.element.scalars.count, $0.offset) < (-$1.element.scalars.count, $1.offset) }
        byFirst = Dictionary(grouping: sorted.map(\.element)) { $0.scalars[0] }
        for first in byFirst.keys { mayStart[Int(first & 0xFF)] = true }
    }

    /// The parts of `text` in order; empty text between tokens is left out.
    func parts(of text: ArraySlice<UInt32>, _ rules: CharacterRules) -> [Part] {
        guard !byFirst.isEmpty else { return [Part(id: nil, range: text.indices)] }
        var parts: [Part] = [], rest = text.startIndex, at = text.startIndex
        while at < text.endIndex {
            guard mayStart[Int(text[at] & 0xFF)], let candidates = byFirst[text[at]],
                let found = candidates.first(where: { text[at...].starts(with: $0.scalars) })
            else {
                at += 1
                continue
            }
            let match = at..<(at + found.scalars.count)
            at = match.upperBound
            guard let range = Self.taken(match, found.token, text, after: rest, rules) else { continue }
            if rest < range.lowerBound { parts.append(Part(id: nil, range: rest..<range.lowerBound)) }
            parts.append(Part(id: found.token.id, range: range))
            rest = range.upperBound
        }
        if rest < text.endIndex { parts.append(Part(id: nil, range: rest..<text.endIndex)) }
        return parts
    }

    /// What a token takes, white space included; nil where it stands in a word and may not.
    private static func taken(
        _ match: Range<Int>, _ token: TokenizerSettings.AddedToken, _ text: ArraySlice<UInt32>, after rest: Int,
        _ rules: CharacterRules
    ) -> Range<Int>? {
        var (start, end) = (match.lowerBound, match.upperBound)
        func has(_ trait: CharacterRules.Traits, at position: Int) -> Bool {
            text.indices.contains(position) && rules.traits(text[position]).contains(trait)
        }
        if token.singleWord, has(.word, at: start - 1) || has(.word, at: end) { return nil }
        if token.lstrip { while start > rest, has(.splitSpace, at: start - 1) { start -= 1 } }
        if token.rstrip { while has(.splitSpace, at: end) { end += 1 } }
        return start..<end
    }
}
