/// What runs the model on this system.
func openRunner(_ files: KitFiles, _ settings: KitSettings, _ units: ComputeUnits) throws -> any ModelRunner {
    #if canImport(CoreML)
        return CoreMLRunner(files, settings, units)
    #else
        throw KitError.systemTooOld("Core ML")
    #endif
}

#if canImport(CoreML)
    import CoreML
    import Foundation

    /// The model of each length in Core ML, loaded when the first text needs it.
    ///
    /// Core ML asks for one prediction of a model at a time; all of them wait in one queue, and that makes the class
    /// safe to share.
    final class CoreMLRunner: ModelRunner, @unchecked Sendable {
        private let files: KitFiles
        private let settings: KitSettings
        private let units: MLComputeUnits
        private let queue = PredictionQueue()
        /// By length; touched in `queue` alone.
        private var loaded: [Int: MLModel] = [:]

        init(_ files: KitFiles, _ settings: KitSettings, _ units: ComputeUnits) {
            (self.files, self.settings, self.units) = (files, settings, MLComputeUnits(units))
        }

        func load(_ model: KitSettings.Model) async throws { try await queue.run { _ = try self.opened(model) } }

        func outputs(of row: Encoding, by model: KitSettings.Model) async throws -> Outputs {
            try await queue.run { try self.predict(row, model) }
        }

        func outputs(of row: Encoding, by model: KitSettings.Model) throws -> Outputs {
            try queue.runNow { try predict(row, model) }
        }

        private func predict(_ row: Encoding, _ model: KitSettings.Model) throws -> Outputs {
            let opened = try opened(model), names = settings.inputs.map(\.name)
            return try Outputs(coreML { try opened.prediction(from: row.features(names)) })
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

        private func opened(_ model: KitSettings.Model) throws -> MLModel {
            if let found = loaded[model.length] { return found }
            let configuration = MLModelConfiguration()
            configuration.computeUnits = units
            if let function = model.function {
                guard #available(iOS 18, macOS 15, *) else { throw KitError.systemTooOld("iOS 18 or macOS 15") }
                configuration.functionName = function
            }
            let found = try coreML { try CompiledModel.load(model, files, settings, configuration) }
            loaded[model.length] = found
            return found
        }
    }

    extension Outputs {
        fileprivate init(_ features: any MLFeatureProvider) {
            var found: [String: [Float]] = [:]
            for name in features.featureNames {
                guard let array = features.featureValue(for: name)?.multiArrayValue else { continue }
                found[name] = MLShapedArray<Float>(converting: array).scalars
            }
            self.init(found)
        }
    }

    extension Encoding {
        fileprivate func features(_ names: [String]) throws -> any MLFeatureProvider {
            try MLDictionaryFeatureProvider(
                dictionary: inputs(names).mapValues { values in
                    MLMultiArray(MLShapedArray<Int32>(scalars: values, shape: [1, values.count]))
                })
        }
    }

    extension MLComputeUnits {
        fileprivate init(_ units: ComputeUnits) {
            self =
                switch units {
                case .cpuOnly: .cpuOnly
                case .cpuAndGPU: .cpuAndGPU
                case .cpuAndNeuralEngine: .cpuAndNeuralEngine
                case .all: .all
                }
        }
    }
#endif
