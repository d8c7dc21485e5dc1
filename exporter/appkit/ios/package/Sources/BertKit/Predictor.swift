/// Texts → the model's outputs: of the shortest length that holds them. Safe to share.
final class Predictor: Sendable {
    let settings: KitSettings
    let tokenizer: WordPieceTokenizer
    private let runner: any ModelRunner

    /// `computeUnits`: others than the model was exported for. Throws `KitError.systemTooOld` where nothing can run it.
    init(computeUnits: ComputeUnits? = nil, files: KitFiles? = nil) throws {
        let files = try files ?? KitFiles()
        settings = try files.settings()
        tokenizer = try files.tokenizer()
        runner = try openRunner(files, settings, computeUnits ?? ComputeUnits(rawValue: settings.computeUnits) ?? .all)
    }

    /// With the prompt that the model was trained with before it; cut where the model's texts are.
    func encode(_ text: String, pair: String? = nil) throws -> Encoding {
        try tokenizer.encode(settings.prompt + text, pair: pair, maxLength: settings.maxTokens)
    }

    func outputs(for encoding: Encoding) throws -> Outputs {
        let model = try model(for: encoding)
        return try runner.outputs(of: tokenizer.padded(encoding, to: model.length), by: model)
    }

    /// Throws `CancellationError` where the task is cancelled before its run.
    func outputs(for encoding: Encoding) async throws -> Outputs {
        try Task.checkCancellation()
        let model = try model(for: encoding)
        return try await runner.outputs(of: tokenizer.padded(encoding, to: model.length), by: model)
    }

    /// Loads the model of every length.
    func prepare() async throws {
        for model in settings.models { try await runner.load(model) }
    }

    private func model(for encoding: Encoding) throws -> KitSettings.Model {
        guard let chosen = settings.models.first(where: { $0.length >= encoding.count }) else {
            throw KitError.tooManyTokens(encoding.count, longest: settings.models.last?.length ?? 0)
        }
        return chosen
    }
}
