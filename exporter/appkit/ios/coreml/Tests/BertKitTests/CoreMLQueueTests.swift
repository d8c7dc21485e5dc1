import XCTest

@testable import BertKit

/// Calls that wait for each other, with a stub for a model.
final class CoreMLQueueTests: XCTestCase {
    /// What ran, in order.
    private final class Runs: @unchecked Sendable {
        private let lock = NSLock()
        private var found: [Int] = []

        var all: [Int] { lock.withLock { found } }

        func add(_ one: Int) { lock.withLock { found.append(one) } }
    }

    func testOfCallsThatAreCancelledWhileTheyWaitNoneRuns() async throws {
        let (queue, runs, gate) = (PredictionQueue(), Runs(), DispatchSemaphore(value: 0))
        let first = Task { try await queue.run { gate.wait() } }
        try await Task.sleep(for: .milliseconds(20))
        let stale = (0..<20).map { number in Task { try await queue.run { runs.add(number) } } }
        stale.forEach { $0.cancel() }
        let latest = Task { try await queue.run { runs.add(99) } }
        gate.signal()
        try await first.value
        try await latest.value
        for one in stale {
            let found = await one.result
            XCTAssertThrowsError(try found.get()) { XCTAssert($0 is CancellationError) }
        }
        XCTAssertEqual(runs.all, [99])
    }

    /// 1,000 rounds of calls and cancellations: each gives its own answer or is cancelled, and no two run at a time.
    func testCallsAndCancellationsAtRandomMoments() async throws {
        var answered = 0, cancelled = 0
        for round in 0..<1_000 {
            let (queue, running) = (PredictionQueue(), Runs())
            let asked = (0..<6).map { number in
                Task {
                    try await queue.run {
                        running.add(number)
                        XCTAssertEqual(running.all.last, number)
                        return number * round
                    }
                }
            }
            for _ in 0..<2 { asked[Int.random(in: 0..<6)].cancel() }
            for (number, one) in asked.enumerated() {
                switch await one.result {
                case .success(let found):
                    XCTAssertEqual(found, number * round)
                    answered += 1
                case .failure(let error):
                    XCTAssert(error is CancellationError)
                    cancelled += 1
                }
            }
        }
        XCTAssertEqual(answered + cancelled, 6_000)
        XCTAssertGreaterThan(answered, 3_900)
        XCTAssertGreaterThan(cancelled, 0)
    }
}
