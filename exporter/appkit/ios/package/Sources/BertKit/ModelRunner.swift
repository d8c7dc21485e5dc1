/// What runs the model of each length: Core ML or Core AI, whichever the kit was made for; `openRunner` opens it.
///
/// `row` is as long as `model`. What goes wrong is a `KitError`.
protocol ModelRunner: Sendable {
    /// Loads a model before it is asked.
    func load(_ model: KitSettings.Model) async throws

    func outputs(of row: Encoding, by model: KitSettings.Model) async throws -> Outputs

    /// The same, in the calling thread's time.
    func outputs(of row: Encoding, by model: KitSettings.Model) throws -> Outputs
}

/// The model's outputs by name, each in the order of its shape.
struct Outputs: Sendable {
    private let found: [String: [Float]]

    init(_ found: [String: [Float]]) { self.found = found }

    func values(_ name: String) throws -> [Float] {
        guard let values = found[name] else { throw KitError.unexpectedOutput(name) }
        return values
    }
}

extension Encoding {
    /// What a model reads of `names`: int32, [1, length] each.
    func inputs(_ names: [String]) -> [String: [Int32]] {
        let known = ["input_ids": ids, "attention_mask": attentionMask, "token_type_ids": typeIds]
        return known.filter { names.contains($0.key) }
    }
}
