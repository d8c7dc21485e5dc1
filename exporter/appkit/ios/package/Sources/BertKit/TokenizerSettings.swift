/// What tokenizer.json says beside the vocabulary; read from kit.json.
public struct TokenizerSettings: Sendable, Codable {
    /// A token that is found in a text before any word is.
    public struct AddedToken: Sendable, Codable {
        public let text: String
        public let id: Int32
        public let singleWord, lstrip, rstrip, normalized: Bool
    }

    /// A place in what is made of one text or two: a special token's id, or all of text `sequence` (0 or 1).
    public struct Slot: Sendable, Codable {
        public let typeId: Int32
        public let id: Int32?
        public let sequence: Int?
    }

    public let unknownId: Int32
    public let prefix: String
    public let maxWordScalars: Int
    public let cleanText, chineseCharacters, stripAccents, lowercase: Bool
    public let added: [AddedToken]
    public let single, pair: [Slot]
    public let padId, padTypeId: Int32
    public let truncationStrategy: TruncationStrategy
    public let truncateLeft: Bool
}

/// Which text gives way when two are too long together; what Hugging Face calls `truncation_strategy`.
public enum TruncationStrategy: String, Sendable, Codable {
    case longestFirst = "longest_first", onlyFirst = "only_first", onlySecond = "only_second"

    /// Lengths of two texts (0 for one that is missing) cut to `capacity` together, by the rules of `tokenizers`.
    func lengths(_ first: Int, _ second: Int, hasPair: Bool, capacity: Int) throws -> (Int, Int) {
        let excess = first + second - capacity
        if excess <= 0 { return (first, second) }
        if capacity == 0 { return (0, 0) }
        switch self {
        case .longestFirst:
            return hasPair ? Self.balanced(first, second, capacity) : (capacity, 0)
        case .onlyFirst:
            guard first > excess else { throw KitError.cannotTruncate("the first text", tokens: first, by: excess) }
            return (first - excess, second)
        case .onlySecond:
            guard second > excess else { throw KitError.cannotTruncate("the second text", tokens: second, by: excess) }
            return (first, second - excess)
        }
    }

    /// Reads of two texts what `lengths` asks for: all of one that is kept whole, of others enough to be too long.
    func read(_ first: inout TextTokens, _ second: inout TextTokens, capacity: Int) {
        switch self {
        case .longestFirst: Self.readLongest(&first, &second, capacity)
        case .onlyFirst: Self.read(&first, keeping: &second, capacity)
        case .onlySecond: Self.read(&second, keeping: &first, capacity)
        }
    }

    /// Where `kept` leaves no room, the error says of both how long they are.
    private static func read(_ cut: inout TextTokens, keeping kept: inout TextTokens, _ capacity: Int) {
        kept.readAll()
        cut.read(kept.count < min(capacity, Int.max - 1) ? capacity + 1 : Int.max)
    }

    /// Which of two is longer decides on the odd token where both are too long.
    private static func readLongest(_ first: inout TextTokens, _ second: inout TextTokens, _ capacity: Int) {
        let enough = min(capacity, Int.max - 1) + 1
        first.read(enough)
        second.read(enough)
        while capacity % 2 == 1, !first.isCompared(to: second), !second.isCompared(to: first) {
            let more = 4 * max(first.count, second.count)
            first.read(more)
            second.read(more)
        }
    }

    /// The longer one is cut first; where both are too long they share, the longer one with the odd token.
    private static func balanced(_ first: Int, _ second: Int, _ capacity: Int) -> (Int, Int) {
        var shorter = min(first, second)
        var longer = shorter > capacity ? shorter : max(shorter, capacity - shorter)
        if shorter + longer > capacity {
            shorter = capacity / 2
            longer = shorter + capacity % 2
        }
        return first > second ? (longer, shorter) : (shorter, longer)
    }
}
