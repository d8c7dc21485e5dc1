import Foundation

/// kit.json: what the exporter knew of the model.
public struct KitSettings: Sendable, Codable {
    /// One length of the model: the package, and the function in it where it has several (iOS 18).
    public struct Model: Sendable, Codable {
        public let file: String
        public let function: String?
        public let length: Int
    }

    /// What the model reads; `dtype` is int32.
    public struct Input: Sendable, Codable {
        public let name, dtype: String
    }

    /// What a user is shown of the model's outputs: as transformers' pipelines do.
    public struct Shown: Sendable, Codable {
        /// Tokens of an answer at most.
        public let longestAnswer: Int
        /// Tokens of a question and a window of its context at most, and how many of them the next window repeats.
        public let windowTokens, sharedTokens: Int
        /// Of several labels those with a logit above it are shown.
        public let likelyLogit: Float
        /// What each label says of entities.
        public let tags: [Tag]
    }

    /// A label. Two neighbours of one `kind` are one entity unless the second `begins` one; without `shown` it is not shown.
    public struct Tag: Sendable, Codable {
        public let kind: String
        public let begins: Bool
        public let shown: String?
    }

    /// What was measured when the model was exported; `toleranceAbsolute` is the budget in logits.
    public struct Parity: Sendable, Codable {
        public let verdict, text: String
        public let toleranceAbsolute: Float
    }

    public let bertport, source, target, task, scheme: String
    /// SHA-256 of the bundle's manifest: which export this is.
    public let manifestSha256: String
    public let problem: Problem
    public let labels: [String]
    /// What makes scores of a classifier's logits.
    public let activation: Activation
    /// Whether a text is two: a premise and a hypothesis, a query and a passage.
    public let readsPairs: Bool
    /// What stands before every text, and before the first of two.
    public let prompt: String
    public let inputs: [Input]
    public let outputs: [String]
    /// Those of `outputs` that have a row for each token.
    public let tokenOutputs: [String]
    /// Where a text is cut, special tokens included.
    public let maxTokens: Int
    /// Shortest first.
    public let models: [Model]
    /// As exported: all, cpu-and-ne, cpu-and-gpu or cpu-only.
    public let computeUnits: String
    public let parity: Parity
    public let shown: Shown
    public let tokenizer: TokenizerSettings
}

/// What the logits decide.
public enum Problem: String, Sendable, Codable {
    case singleLabel = "single_label_classification", multiLabel = "multi_label_classification", regression, score
    case textRanking = "text_ranking"
    case tokenClassification = "token_classification", questionAnswering = "question_answering", embedding
}

/// Logits → scores.
public enum Activation: String, Sendable, Codable {
    case softmax, sigmoid, none
}

/// The files that travel with the package.
public struct KitFiles: Sendable {
    public let folder: URL

    /// `folder`: ModelFiles elsewhere than among the package's resources.
    public init(folder: URL? = nil) throws {
        guard let found = folder ?? Bundle.module.url(forResource: "ModelFiles", withExtension: nil) else {
            throw KitError.missingFile("ModelFiles")
        }
        self.folder = found
    }

    public func settings() throws -> KitSettings {
        do {
            return try JSONDecoder().decode(KitSettings.self, from: content("kit.json"))
        } catch let error as DecodingError {
            throw KitError.invalidSettings("\(error)")
        }
    }

    /// The tokenizer of the model.
    public func tokenizer() throws -> WordPieceTokenizer {
        try WordPieceTokenizer(settings: settings().tokenizer, vocabulary: content("vocab.txt"))
    }

    private func content(_ name: String) throws -> Data {
        do {
            return try Data(contentsOf: folder.appendingPathComponent(name))
        } catch {
            throw KitError.missingFile("ModelFiles/\(name)")
        }
    }
}
