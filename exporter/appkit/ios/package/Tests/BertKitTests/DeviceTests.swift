#if canImport(CoreML) || canImport(CoreAI)
    import XCTest

    @testable import BertKit

    /// The last hop of the parity chain: ids → logits on this device, on each of its compute units.
    ///
    /// `xcodebuild test -scheme BertKit -destination …` writes a record that `bertport report` reads; see `DeviceRecord`.
    final class DeviceTests: XCTestCase {
        private static let warmUpRuns = 5, runs = 50

        func testLogitsAreWithinTheBudgetOnEveryComputeUnit() throws {
            let settings = try KitFiles().settings(), vectors = try Golden.read().vectors
            var record = DeviceRecord(settings, vectors: vectors.count)
            for units in ComputeUnits.allCases {
                do {
                    let run = try measure(units, vectors, tolerance: settings.parity.toleranceAbsolute)
                    record.runs.append(run)
                    XCTAssertEqual(run.verdict, "pass", "\(units): \(run.maxAbsolute) beyond \(record.toleranceAbsolute)")
                } catch {  // a unit may be unable to run a model that the others run
                    XCTFail("\(units): \(error)")
                }
            }
            record.peakRssBytes = DeviceRecord.peakRss()
            add(try record.write())
        }

        func testLatencyAndMemory() throws {
            let predictor = try Predictor()
            let encodings = try Golden.read().vectors.map { try predictor.encode($0.text, pair: $0.pair) }
            for encoding in encodings { _ = try predictor.outputs(for: encoding) }
            measure(metrics: [XCTClockMetric(), XCTMemoryMetric()]) {
                let found = encodings.filter { (try? predictor.outputs(for: $0) as Outputs) != nil }
                XCTAssertEqual(found.count, encodings.count)
            }
        }

        /// Differences over the golden vectors, then `runs` single predictions of the first vector.
        private func measure(_ units: ComputeUnits, _ vectors: [Golden.Vector], tolerance: Float) throws -> DeviceRecord.Run {
            let predictor = try Predictor(computeUnits: units), clock = ContinuousClock()
            let first = try encode(vectors[0], predictor)
            let load = try clock.measure { _ = try predictor.outputs(for: first) as Outputs }
            let differences = try vectors.flatMap { try self.differences($0, predictor) }
            for _ in 0..<Self.warmUpRuns { _ = try predictor.outputs(for: first) as Outputs }
            let latency = try (0..<Self.runs).map { _ in
                try clock.measure { _ = try predictor.outputs(for: first) as Outputs }
            }
            return DeviceRecord.Run(
                computeUnits: units.rawValue, tokens: first.count, differences, tolerance, load: load, latency: latency)
        }

        private func encode(_ vector: Golden.Vector, _ predictor: Predictor) throws -> Encoding {
            return try predictor.tokenizer.encode(
                predictor.settings.prompt + vector.text, pair: vector.pair, maxLength: predictor.settings.maxTokens, truncation: .longestFirst)
        }

        /// What padding gives is nobody's business: PyTorch's numbers end with the text.
        private func differences(_ vector: Golden.Vector, _ predictor: Predictor) throws -> [Float] {
            let found: Outputs = try predictor.outputs(for: encode(vector, predictor))
            return try vector.outputs.flatMap { name, expected in
                let values = try found.values(name)
                guard values.count >= expected.count, !expected.isEmpty else { throw KitError.unexpectedOutput(name) }
                return zip(expected, values).map { abs($0 - $1) }
            }
        }
    }
#endif
