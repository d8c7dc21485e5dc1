// What Apple's XCTest has beyond the one of Linux, and a kit's tests use. Nothing here runs.
import Foundation
import XCTest

protocol XCTMetric {}
class XCTClockMetric: XCTMetric {}
class XCTMemoryMetric: XCTMetric {}

class XCTAttachment {
    enum Lifetime { case keepAlways, deleteOnSuccess }
    var name: String?
    var lifetime = Lifetime.deleteOnSuccess
    init(data payload: Data, uniformTypeIdentifier identifier: String) { fatalError("stub") }
}

extension XCTestCase {
    func measure(metrics: [any XCTMetric], block: () -> Void) { fatalError("stub") }
    func add(_ attachment: XCTAttachment) { fatalError("stub") }
}

let RUSAGE_SELF: Int32 = 0
func getrusage(_ who: Int32, _ usage: inout rusage) -> Int32 { fatalError("stub") }
