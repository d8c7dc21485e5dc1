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
        let record = try DeviceRecord(KitFiles().settings(), vectors: 1).json()
        XCTAssertTrue(String(decoding: record, as: UTF8.self).contains("\"kind\" : \"device\""))
    }
}
