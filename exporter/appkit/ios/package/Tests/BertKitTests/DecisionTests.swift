import XCTest

@testable import BertKit

/// From logits to what a user sees, without a model.
final class DecisionTests: XCTestCase {
    func testProbabilitiesSumToOneAndDoNotOverflow() {
        let found = softmax([1000, 1001, -1000])
        XCTAssertEqual(found.reduce(0, +), 1, accuracy: 1e-12)
        XCTAssertEqual(found[1], 1 / (1 + exp(-1)), accuracy: 1e-9)
    }

    func testTheDeviceRecordFailsWhatIsBeyondTheBudgetOrNoNumber() throws {
        for (differences, verdict) in [([0.1, 0.2], "pass"), ([0.1, 0.4], "fail"), ([], "fail"), ([.nan], "fail")] as [([Float], String)] {
            let run = DeviceRecord.Run(
                computeUnits: "all", tokens: 3, differences, 0.3, load: .zero, latency: [.milliseconds(2)])
            XCTAssertEqual(run.verdict, verdict)
        }
    }

    func testTheDeviceRecordHasTheNamesThatAReportReads() throws {
        var record = try DeviceRecord(KitFiles().settings(), vectors: 1)
        record.runs = [DeviceRecord.Run(computeUnits: "all", tokens: 3, [0], 1, load: .seconds(1), latency: [.milliseconds(2)])]
        let found = try XCTUnwrap(JSONSerialization.jsonObject(with: record.json()) as? [String: Any])
        let names = [
            "kind", "schema_version", "status", "source", "scheme", "manifest_sha256", "host", "vectors", "tolerance_absolute",
            "runs", "peak_rss_bytes",
        ]
        for name in names { XCTAssertNotNil(found[name], name) }
        let run = try XCTUnwrap((found["runs"] as? [[String: Any]])?.first)
        for name in ["compute_units", "tokens", "max_absolute", "mean_absolute", "verdict", "load_s", "latency_s"] {
            XCTAssertNotNil(run[name], name)
        }
    }
}
