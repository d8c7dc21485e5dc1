import Foundation

@testable import BertKit

/// What a run on a device found, as `bertport report` reads it: times in seconds, memory in bytes, every raw value.
struct DeviceRecord: Codable {
    var kind = "device", schemaVersion = 1, status = "measured"
    let bertport, source, target, task, scheme, manifestSha256: String
    var host = Host()
    let vectors: Int
    let toleranceAbsolute: Float
    var runs: [Run] = []
    var peakRssBytes = 0

    struct Host: Codable {
        /// Such as iPhone15,2 or, on a Mac, arm64.
        var device = DeviceRecord.machine()
        var system = ProcessInfo.processInfo.operatingSystemVersionString
        var cores = ProcessInfo.processInfo.processorCount
        var simulator = ProcessInfo.processInfo.environment["SIMULATOR_UDID"] != nil
    }

    /// One compute unit. `loadS` is load, compilation and the first prediction.
    struct Run: Codable {
        let computeUnits: String
        let tokens: Int
        let maxAbsolute, meanAbsolute: Float
        let verdict: String
        let loadS: Double
        let latencyS: [Double]

        init(
            computeUnits: String, tokens: Int, _ differences: [Float], _ tolerance: Float, load: Duration,
            latency: [Duration]
        ) {
            (self.computeUnits, self.tokens) = (computeUnits, tokens)
            let finite = !differences.isEmpty && differences.allSatisfy(\.isFinite)
            maxAbsolute = finite ? differences.max() ?? 0 : -1
            meanAbsolute = finite ? differences.reduce(0, +) / Float(differences.count) : -1
            verdict = finite && maxAbsolute <= tolerance ? "pass" : "fail"
            loadS = DeviceRecord.seconds(load)
            latencyS = latency.map(DeviceRecord.seconds)
        }
    }

    init(_ settings: KitSettings, vectors: Int) {
        (bertport, source, target) = (settings.bertport, settings.source, settings.target)
        (task, scheme) = (settings.task, settings.scheme)
        (manifestSha256, toleranceAbsolute) = (settings.manifestSha256, settings.parity.toleranceAbsolute)
        self.vectors = vectors
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        return try encoder.encode(self)
    }

    static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
    }

    private static func machine() -> String {
        var name = utsname()
        uname(&name)
        return withUnsafeBytes(of: &name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}

#if canImport(CoreML) || canImport(CoreAI)
    import XCTest

    extension DeviceRecord {
        /// The largest resident size of this process; Darwin counts it in bytes.
        static func peakRss() -> Int {
            var usage = rusage()
            return getrusage(RUSAGE_SELF, &usage) == 0 ? Int(usage.ru_maxrss) : 0
        }

        /// Kept with the test's results (`xcrun xcresulttool export attachments`), and on a Mac in the file that
        /// BERTPORT_RECORD names (xcodebuild hands TEST_RUNNER_BERTPORT_RECORD on under that name).
        func write() throws -> XCTAttachment {
            let content = try json()
            if let place = ProcessInfo.processInfo.environment["BERTPORT_RECORD"] {
                try content.write(to: URL(fileURLWithPath: place))
            }
            let attachment = XCTAttachment(data: content, uniformTypeIdentifier: "public.json")
            attachment.name = "bertport-device.json"
            attachment.lifetime = .keepAlways
            return attachment
        }
    }
#endif
