/// Texts as the model reads them.
///
/// The arrays are of one length. `offsets` count Unicode scalars of the text that a token came from (its `sequence`);
/// a special or padding token has none of its own: 0..<0, sequence and word -1.
public struct Encoding: Sendable, Equatable {
    public internal(set) var ids: [Int32] = []
    public internal(set) var typeIds: [Int32] = []
    public internal(set) var attentionMask: [Int32] = []
    public internal(set) var offsets: [Range<Int32>] = []
    /// 0 for tokens of the first text, 1 of the second.
    public internal(set) var sequences: [Int32] = []
    /// The word of a token, counted from 0 in its text.
    public internal(set) var words: [Int32] = []

    public var count: Int { ids.count }

    mutating func append(_ id: Int32, type: Int32, mask: Int32 = 1) {
        ids.append(id)
        typeIds.append(type)
        attentionMask.append(mask)
        offsets.append(0..<0)
        sequences.append(-1)
        words.append(-1)
    }

    mutating func append(_ tokens: ArraySlice<Token>, type: Int32, sequence: Int32) {
        for token in tokens {
            ids.append(token.id)
            offsets.append(token.start..<token.end)
            words.append(token.word)
        }
        typeIds += repeatElement(type, count: tokens.count)
        attentionMask += repeatElement(1, count: tokens.count)
        sequences += repeatElement(sequence, count: tokens.count)
    }
}

/// A piece found in a text: its id, where in the text's scalars, and in which word.
struct Token: Sendable {
    var id: Int32, start: Int32, end: Int32, word: Int32
}

extension String {
    /// The range of `offsets`, which count Unicode scalars.
    func range(ofScalars offsets: Range<Int32>) -> Range<String.Index> {
        let start = unicodeScalars.index(startIndex, offsetBy: Int(offsets.lowerBound))
        return start..<unicodeScalars.index(start, offsetBy: offsets.count)
    }
}
