import Foundation

/// All that can go wrong, with what was expected and what was found.
public enum KitError: Error, Equatable, Sendable {
    /// vocab.txt is not what bertport wrote.
    case invalidVocabulary(String)
    /// kit.json is not what bertport wrote.
    case invalidSettings(String)
    case missingFile(String)
    /// The strategy allows to cut one text only, and that does not suffice.
    case cannotTruncate(String, tokens: Int, by: Int)
    /// The model reads two texts, and was given one; or one, and was given two.
    case wrongTexts(reads: Int)
    /// A length that does not even hold the special tokens.
    case lengthTooShort(Int, specialTokens: Int)
    /// Windows cannot share fewer tokens than none.
    case invalidStride(Int)
    /// More tokens than the longest length of the model.
    case tooManyTokens(Int, longest: Int)
    /// The model's answer lacks an output, or has it in another shape.
    case unexpectedOutput(String)
    /// Core ML could not compile, load or run the model.
    case coreML(String)
    /// Core AI could not load or run the model.
    case coreAI(String)
    /// The system is older than the model's format or functions.
    case systemTooOld(String)
}

extension KitError: LocalizedError {
    public var errorDescription: String? {
        switch self {
        case .invalidVocabulary(let found): "vocab.txt: expected each piece once, in UTF-8; \(found)"
        case .invalidSettings(let found): "kit.json: expected what bertport writes; \(found)"
        case .missingFile(let name): "\(name): not among the package's resources"
        case .cannotTruncate(let text, let tokens, let excess):
            "\(text) has \(tokens) tokens and \(excess) would have to go; cut the other text"
        case .wrongTexts(reads: 2): "the model reads two texts; pass the second as pair"
        case .wrongTexts:
            "the model reads one text, and was compared with PyTorch so; export it with --pairs to pass two"
        case .lengthTooShort(let length, let special): "a length of \(length) does not hold \(special) special tokens"
        case .invalidStride(let stride): "a stride of \(stride); expected 0 or more tokens"
        case .tooManyTokens(let count, let longest): "\(count) tokens, and the model takes \(longest) at most"
        case .unexpectedOutput(let name): "the model gave no \(name) of the expected shape"
        case .coreML(let reason): "Core ML: \(reason)"
        case .coreAI(let reason): "Core AI: \(reason)"
        case .systemTooOld(let needed): "the model needs \(needed)"
        }
    }
}
