#if canImport(CoreML)
    import CoreML
    import Foundation

    /// Texts → the model's outputs: of the shortest length that holds them.
    ///
    /// Core ML asks for one prediction of a model at a time; all of them wait in one queue, and that makes the class
    /// safe to share. The model of a length is loaded when the first text needs it.
    final class Predictor: @unchecked Sendable {
        let settings: KitSettings
        let tokenizer: WordPieceTokenizer
        private let files: KitFiles
        private let units: MLComputeUnits
        private let queue = DispatchQueue(label: "BertKit.Predictor", qos: .userInitiated)
        /// By length; touched in `queue` alone.
        private var loaded: [Int: MLModel] = [:]

        init(computeUnits: MLComputeUnits? = nil, files: KitFiles? = nil) throws {
            self.files = try files ?? KitFiles()
            settings = try self.files.settings()
            tokenizer = try self.files.tokenizer()
            units = computeUnits ?? MLComputeUnits(named: settings.computeUnits)
        }

        /// With the prompt that the model was trained with before it; cut where the model's texts are.
        func encode(_ text: String, pair: String? = nil) throws -> Encoding {
            try tokenizer.encode(settings.prompt + text, pair: pair, maxLength: settings.maxTokens)
        }

        func outputs(for encoding: Encoding) throws -> Outputs {
            try queue.sync { try predict(encoding) }
        }

        func outputs(for encoding: Encoding) async throws -> Outputs {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try self.predict(encoding) }) }
            }
        }

        /// Loads the model of every length.
        func prepare() async throws {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                queue.async {
                    continuation.resume(with: Result { for model in self.settings.models { _ = try self.load(model) } })
                }
            }
        }

        private func predict(_ encoding: Encoding) throws -> Outputs {
            guard let chosen = settings.models.first(where: { $0.length >= encoding.count }) else {
                throw KitError.tooManyTokens(encoding.count, longest: settings.models.last?.length ?? 0)
            }
            let padded = tokenizer.padded(encoding, to: chosen.length)
            let model = try load(chosen)
            return try Outputs(coreML { try model.prediction(from: padded.features(settings.inputs.map(\.name))) })
        }

        /// What Core ML throws, as an error of the kit.
        private func coreML<Found>(_ body: () throws -> Found) throws -> Found {
            do {
                return try body()
            } catch let error as KitError {
                throw error
            } catch {
                throw KitError.coreML(error.localizedDescription)
            }
        }

        private func load(_ model: KitSettings.Model) throws -> MLModel {
            if let found = loaded[model.length] { return found }
            let configuration = MLModelConfiguration()
            configuration.computeUnits = units
            if let function = model.function {
                guard #available(iOS 18, macOS 15, *) else { throw KitError.systemTooOld("iOS 18 or macOS 15") }
                configuration.functionName = function
            }
            let found = try coreML {
                try MLModel(contentsOf: CompiledModel.url(of: model, files, settings), configuration: configuration)
            }
            loaded[model.length] = found
            return found
        }
    }

    /// The model's outputs by name, each in the order of its shape.
    struct Outputs: Sendable {
        private var found: [String: [Float]] = [:]

        init(_ features: any MLFeatureProvider) throws {
            for name in features.featureNames {
                guard let array = features.featureValue(for: name)?.multiArrayValue else { continue }
                found[name] = MLShapedArray<Float>(converting: array).scalars
            }
        }

        func values(_ name: String) throws -> [Float] {
            guard let values = found[name] else { throw KitError.unexpectedOutput(name) }
            return values
        }
    }

    extension Encoding {
        /// What the model takes: int32 [1, length] each.
        fileprivate func features(_ names: [String]) throws -> any MLFeatureProvider {
            let known = ["input_ids": ids, "attention_mask": attentionMask, "token_type_ids": typeIds]
            return try MLDictionaryFeatureProvider(
                dictionary: known.filter { names.contains($0.key) }.mapValues { values in
                    MLMultiArray(MLShapedArray<Int32>(scalars: values, shape: [1, values.count]))
                })
        }
    }

    extension MLComputeUnits {
        /// By bertport's name: all, cpu-and-ne, cpu-and-gpu, cpu-only.
        init(named name: String) {
            self =
                switch name {
                case "cpu-only": .cpuOnly
                case "cpu-and-gpu": .cpuAndGPU
                case "cpu-and-ne": .cpuAndNeuralEngine
                default: .all
                }
        }
    }
#endif
