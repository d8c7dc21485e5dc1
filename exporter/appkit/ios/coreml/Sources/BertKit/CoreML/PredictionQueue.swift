import Foundation

/// Runs one prediction at a time, in the order asked. One whose task is cancelled before its turn does not run: of texts
/// that come faster than they are read, as with every keystroke, the last is not kept waiting by those before.
final class PredictionQueue: Sendable {
    private let queue = DispatchQueue(label: "BertKit.PredictionQueue", qos: .userInitiated)

    /// Throws `CancellationError` where the task is cancelled.
    func run<Found: Sendable>(_ body: @escaping @Sendable () throws -> Found) async throws -> Found {
        let turn = Turn()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                queue.async { continuation.resume(with: Result { try turn.take(body) }) }
            }
        } onCancel: {
            turn.cancel()
        }
    }

    /// The same, in the calling thread's time.
    func runNow<Found>(_ body: () throws -> Found) throws -> Found { try queue.sync(execute: body) }
}

/// Whether a call is still wanted when its turn comes.
private final class Turn: @unchecked Sendable {
    private let lock = NSLock()
    private var isCancelled = false

    func cancel() { lock.withLock { isCancelled = true } }

    func take<Found>(_ body: () throws -> Found) throws -> Found {
        if lock.withLock({ isCancelled }) { throw CancellationError() }
        return try body()
    }
}
