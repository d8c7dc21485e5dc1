/// A label and how likely it is; in regression the value itself.
public struct LabelScore: Sendable, Equatable {
    public let label: String
    public let score: Double

    /// Of one text's logits, the most likely first; what makes scores of them the checkpoint says.
    static func ranked(
        _ logits: [Float], _ labels: [String], _ problem: Problem, _ activation: Activation
    ) throws -> [LabelScore] {
        guard logits.count == labels.count else { throw KitError.unexpectedOutput("logits") }
        let scores: [Double] =
            switch activation {
            case .sigmoid: logits.map(sigmoid)
            case .none: logits.map(Double.init)
            case .softmax: softmax(logits)
            }
        let found = zip(labels, scores).map { LabelScore(label: $0, score: $1) }
        if problem == .regression { return found }
        return found.enumerated().sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }.map(\.element)
    }
}

extension KitSettings {
    /// Throws `KitError.wrongTexts` for one text of a model that reads two, and for two of one that reads one.
    func expectTexts(withPair hasPair: Bool) throws {
        if hasPair != readsPairs { throw KitError.wrongTexts(reads: readsPairs ? 2 : 1) }
    }
}

/// Text in, labels out. Safe to share; make one and keep it.
public final class TextClassifier: Sendable {
    private let predictor: Predictor

    /// `computeUnits`: others than the model was exported for. Throws where a resource is missing or damaged, or
    /// the system is older than the model's format.
    public init(computeUnits: ComputeUnits? = nil) throws {
        predictor = try Predictor(computeUnits: computeUnits)
    }

    /// Loads the model now instead of at the first text.
    public func prepare() async throws { try await predictor.prepare() }

    /// The labels of a text, or of a pair of texts, the most likely first. Throws `KitError.wrongTexts` where the model
    /// reads the other.
    public func classify(_ text: String, pair: String? = nil) async throws -> [LabelScore] {
        try ranked(await predictor.outputs(for: encode(text, pair)))
    }

    /// The same, in the calling thread's time.
    public func classify(_ text: String, pair: String? = nil) throws -> [LabelScore] {
        try ranked(predictor.outputs(for: encode(text, pair)))
    }

    private func encode(_ text: String, _ pair: String?) throws -> Encoding {
        try predictor.settings.expectTexts(withPair: pair != nil)
        return try predictor.encode(text, pair: pair)
    }

    private func ranked(_ outputs: Outputs) throws -> [LabelScore] {
        let settings = predictor.settings
        return try LabelScore.ranked(
            outputs.values("logits"), settings.labels, settings.problem, settings.activation)
    }
}
