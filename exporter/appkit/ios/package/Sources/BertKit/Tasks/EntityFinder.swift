/// A stretch of the text that is something: where it stands, what it is, and how likely.
public struct Entity: Sendable, Equatable {
    public let label: String
    public let score: Double
    /// What it is of the text: `range` is of that text alone, and may lie outside of another.
    public let text: String
    /// In the text that was asked about, as it was given.
    public let range: Range<String.Index>

    /// Neighbouring tokens of one kind, `begins` starting anew; the score is their mean. What has nothing to show is left out.
    ///
    /// `tags` are those of kit.json; `logits` are `tags.count` for each token of `encoding`.
    static func found(
        in text: String, _ encoding: Encoding, _ logits: [Float], _ tags: [KitSettings.Tag]
    ) throws -> [Entity] {
        guard logits.count >= encoding.count * tags.count else { throw KitError.unexpectedOutput("logits") }
        var groups: [Group] = []
        for position in 0..<encoding.count where encoding.sequences[position] >= 0 {
            let scores = softmax(logits[(position * tags.count)..<((position + 1) * tags.count)])
            guard let best = scores.largestIndex else { continue }
            let tag = tags[best]
            if groups.last?.tag.kind == tag.kind, !tag.begins {
                groups[groups.count - 1].add(scores[best], encoding.offsets[position])
            } else {
                groups.append(Group(tag: tag, scores: [scores[best]], offsets: encoding.offsets[position]))
            }
        }
        return groups.compactMap { $0.entity(in: text) }
    }

    private struct Group {
        let tag: KitSettings.Tag
        var scores: [Double]
        var offsets: Range<Int32>

        mutating func add(_ score: Double, _ more: Range<Int32>) {
            scores.append(score)
            offsets = offsets.lowerBound..<max(more.upperBound, offsets.lowerBound)
        }

        func entity(in text: String) -> Entity? {
            guard let label = tag.shown else { return nil }
            let mean = scores.reduce(0, +) / Double(scores.count)
            let range = text.range(ofScalars: offsets)
            return Entity(label: label, score: mean, text: String(text[range]), range: range)
        }
    }
}

/// Text in, entities out. Safe to share; make one and keep it.
public final class EntityFinder: Sendable {
    private let predictor: Predictor

    /// `computeUnits`: others than the model was exported for. Throws where a resource is missing or damaged, or
    /// the system is older than the model's format.
    public init(computeUnits: ComputeUnits? = nil) throws {
        predictor = try Predictor(computeUnits: computeUnits)
    }

    /// Loads the model now instead of at the first text.
    public func prepare() async throws { try await predictor.prepare() }

    /// The entities of a text in their order; of a text longer than the model takes, those in its beginning.
    public func entities(in text: String) async throws -> [Entity] {
        let encoding = try predictor.encode(text)
        return try found(in: text, encoding, await predictor.outputs(for: encoding))
    }

    /// The same, in the calling thread's time.
    public func entities(in text: String) throws -> [Entity] {
        let encoding = try predictor.encode(text)
        return try found(in: text, encoding, predictor.outputs(for: encoding))
    }

    private func found(in text: String, _ encoding: Encoding, _ outputs: Outputs) throws -> [Entity] {
        try Entity.found(in: text, encoding, outputs.values("logits"), predictor.settings.shown.tags)
    }
}
