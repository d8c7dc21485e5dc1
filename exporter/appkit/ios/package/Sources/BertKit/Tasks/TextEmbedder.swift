/// One vector of a text; texts that mean the same point the same way.
public struct Embedding: Sendable, Equatable {
    public let values: [Float]

    /// Cosine of the angle to another: 1 for the same direction; 0 where one has no length.
    public func similarity(to other: Embedding) -> Double {
        func product(_ left: [Float], _ right: [Float]) -> Double {
            zip(left, right).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let norms = (product(values, values) * product(other.values, other.values)).squareRoot()
        return norms > 0 ? product(values, other.values) / norms : 0
    }
}

/// Text in, vector out, pooled as the checkpoint's sentence-transformers files say. Make one and keep it.
public final class TextEmbedder: Sendable {
    private let predictor: Predictor

    /// `computeUnits`: others than the model was exported for. Throws where a resource is missing or damaged, or
    /// the system is older than the model's format.
    public init(computeUnits: ComputeUnits? = nil) throws {
        predictor = try Predictor(computeUnits: computeUnits)
    }

    /// Loads the model now instead of at the first text.
    public func prepare() async throws { try await predictor.prepare() }

    /// The vector of a text; of one longer than the model takes, that of its beginning.
    public func embed(_ text: String) async throws -> Embedding {
        try Embedding(values: await predictor.outputs(for: predictor.encode(text)).values("sentence_embedding"))
    }

    /// The same, in the calling thread's time.
    public func embed(_ text: String) throws -> Embedding {
        try Embedding(values: predictor.outputs(for: predictor.encode(text)).values("sentence_embedding"))
    }
}
