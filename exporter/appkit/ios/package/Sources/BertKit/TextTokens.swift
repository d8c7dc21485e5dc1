/// The tokens of one text from its start, no more of it read than is asked for; each is the one that the whole text gives.
struct TextTokens {
    private static let start = 64
    /// What is tried first: most texts have fewer scalars for a token.
    private static let scalarsPerToken = 8

    private(set) var tokens: [Token] = []
    private let text: String.UnicodeScalarView
    private let boundary: CharacterRules.Traits
    private let margin: Int
    private let rules: CharacterRules
    private let tokenize: ([UInt32]) -> [Token]
    private var isWhole = false

    var count: Int { tokens.count }

    /// `tokenize` gives those of a text that is whole.
    init(
        _ text: String, _ settings: TokenizerSettings, _ rules: CharacterRules, tokenize: @escaping ([UInt32]) -> [Token]
    ) {
        self.text = text.unicodeScalars
        self.rules = rules
        self.tokenize = tokenize
        boundary = settings.chineseCharacters ? [.splitSpace, .punctuation, .chinese] : [.splitSpace, .punctuation]
        // scalars behind a token's end that may have a say in it: those of the longest added token and its neighbour
        margin = 2 + (settings.added.map { $0.text.unicodeScalars.count }.max() ?? 0)
    }

    /// Reads on until there are `wanted` tokens, or all.
    mutating func read(_ wanted: Int) {
        var length = Self.start + Self.scalarsPerToken * min(wanted, Int(Int32.max))
        while !isWhole, count < wanted {
            let part = text.prefix(length)
            isWhole = part.endIndex == text.endIndex
            let scalars = part.map(\.value), read = tokenize(scalars)
            let end = isWhole ? scalars.count : settledEnd(of: scalars)
            tokens = Array(read.prefix { $0.end <= Int32(end) })
            length *= 4
        }
    }

    mutating func readAll() { read(Int.max) }

    /// Whether it is known to have more tokens than another, or not to.
    func isCompared(to other: TextTokens) -> Bool { isWhole && (other.isWhole || other.count > count) }

    /// Where a part of the text can end without a word, a run of marks or an added token before that place being another
    /// in the whole: before white space, a punctuation sign or a Chinese character with `margin` scalars after it that
    /// normalising leaves one each. 0 where there is none.
    private func settledEnd(of part: [UInt32]) -> Int {
        var rest = margin
        for (position, scalar) in part.enumerated().reversed() {
            let traits = rules.traits(scalar)
            guard traits.isDisjoint(with: [.removed, .nonspacing, .mapped]) else { continue }
            if rest == 0, !traits.isDisjoint(with: boundary) { return position }
            if rest > 0 { rest -= 1 }
        }
        return 0
    }
}
