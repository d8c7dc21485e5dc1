/// What runs the model on this system: Core AI, from iOS 27 and macOS 27 on. The simulator's SDK has none.
func openRunner(_ files: KitFiles, _ settings: KitSettings, _ units: ComputeUnits) throws -> any ModelRunner {
    #if canImport(CoreAI)
        if #available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *) {
            return CoreAIRunner(files, settings, units)
        }
    #endif
    throw KitError.systemTooOld("iOS 27 or macOS 27, on a device: a simulator has no Core AI")
}

#if canImport(CoreAI)
    import CoreAI
    import Foundation

    /// The function of each length in Core AI, loaded when the first text needs it. One may run several texts at a time.
    ///
    /// Written after Apple's documentation of the framework (developer.apple.com/documentation/coreai, 27.0).
    @available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
    actor CoreAIRunner: ModelRunner {
        private let files: KitFiles
        private let settings: KitSettings
        private let units: ComputeUnits
        /// By length; what fails is tried again at the next text.
        private var loading: [Int: Task<InferenceFunction, any Error>] = [:]

        init(_ files: KitFiles, _ settings: KitSettings, _ units: ComputeUnits) {
            (self.files, self.settings, self.units) = (files, settings, units)
        }

        func load(_ model: KitSettings.Model) async throws { _ = try await function(of: model) }

        nonisolated func outputs(of row: Encoding, by model: KitSettings.Model) async throws -> Outputs {
            let function = try await function(of: model)
            let inputs = row.inputs(settings.inputs.map(\.name))
            return try await coreAI {
                var answer = try await function.run(
                    inputs: inputs.mapValues { NDArray(scalars: $0, shape: [1, $0.count]) })
                var found: [String: [Float]] = [:]
                for name in self.settings.outputs {
                    guard let array = answer.remove(name)?.ndArray else { throw KitError.unexpectedOutput(name) }
                    found[name] = try array.numbers(of: name)
                }
                return Outputs(found)
            }
        }

        nonisolated func outputs(of row: Encoding, by model: KitSettings.Model) throws -> Outputs {
            try Awaited { try await self.outputs(of: row, by: model) }.value()
        }

        private func function(of model: KitSettings.Model) async throws -> InferenceFunction {
            let task = loading[model.length] ?? Task { try await opened(model) }
            loading[model.length] = task
            do {
                return try await task.value
            } catch {
                loading[model.length] = nil
                throw error
            }
        }

        /// The system makes the asset ready for the device at its first use, and keeps what it made.
        private nonisolated func opened(_ model: KitSettings.Model) async throws -> InferenceFunction {
            let asset = files.folder.appendingPathComponent(model.file), name = model.function ?? "main"
            guard FileManager.default.fileExists(atPath: asset.path) else {
                throw KitError.missingFile("ModelFiles/\(model.file)")
            }
            return try await coreAI {
                let opened = try await AIModel(contentsOf: asset, options: SpecializationOptions(self.units))
                guard let found = try opened.loadFunction(named: name) else {
                    throw KitError.coreAI("\(model.file) has no function \(name)")
                }
                return found
            }
        }

        /// What Core AI throws, as an error of the kit.
        private nonisolated func coreAI<Found>(_ body: () async throws -> Found) async throws -> Found {
            do {
                return try await body()
            } catch let error as KitError {
                throw error
            } catch {
                throw KitError.coreAI("\(error)")
            }
        }
    }

    @available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
    extension NDArray {
        /// Float32, as every output of the model is.
        fileprivate func numbers(of name: String) throws -> [Float] {
            guard scalarType == .float32, view(as: Float.self).interleaveLayout == nil else {
                throw KitError.unexpectedOutput(name)
            }
            let shape = self.shape
            return view(as: Float.self).withUnsafePointer { first, _, strides in
                offsets(shape: shape, strides: shape.indices.map { strides[$0] }).map { first[$0] }
            }
        }
    }

    @available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
    extension SpecializationOptions {
        /// `cpuOnly` alone keeps the other units away; the rest is what the system prefers.
        fileprivate init(_ units: ComputeUnits) {
            self =
                switch units {
                case .cpuOnly: .cpuOnly
                case .cpuAndGPU: SpecializationOptions(preferredComputeUnitKind: .gpu)
                case .cpuAndNeuralEngine: SpecializationOptions(preferredComputeUnitKind: .neuralEngine)
                case .all: .default
                }
        }
    }

    /// The result of an asynchronous call, for a thread that waits for it; it is written before the signal and read after.
    private final class Awaited<Found: Sendable>: @unchecked Sendable {
        private let done = DispatchSemaphore(value: 0)
        private var result: Result<Found, any Error>?

        init(_ body: @escaping @Sendable () async throws -> Found) {
            Task.detached(priority: .userInitiated) {
                do { self.result = .success(try await body()) } catch { self.result = .failure(error) }
                self.done.signal()
            }
        }

        func value() throws -> Found {
            done.wait()
            return try result!.get()
        }
    }
#endif
