import XCTest

@testable import BertKit

/// Compiled models in the app's caches, without Core ML: what is kept is a folder with one file.
final class CoreMLCacheTests: XCTestCase {
    private struct Damaged: Error {}

    private let root = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    private var compiled = 0

    override func tearDown() { try? FileManager.default.removeItem(at: root) }

    private func compile() throws -> URL {
        compiled += 1
        let made = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
        try Data("model \(compiled)".utf8).write(to: made.appendingPathComponent("weights"))
        return made
    }

    private func load(_ version: String = "1", _ read: (URL) throws -> String = CoreMLCacheTests.read) throws -> String {
        try CompiledModels(root: root, version: version).load("Model.mlmodelc", compile: compile, load: read)
    }

    private static func read(_ place: URL) throws -> String {
        String(decoding: try Data(contentsOf: place.appendingPathComponent("weights")), as: UTF8.self)
    }

    func testItIsCompiledOnce() throws {
        XCTAssertEqual(try load(), "model 1")
        XCTAssertEqual(try load(), "model 1")
    }

    func testWhatIsPurgedInPartIsCompiledAgain() throws {
        XCTAssertEqual(try load(), "model 1")
        try FileManager.default.removeItem(at: root.appendingPathComponent("1/Model.mlmodelc/weights"))
        XCTAssertEqual(try load(), "model 2")
        XCTAssertEqual(try load(), "model 2")
    }

    func testWhatDoesNotLoadIsTriedOnceMoreAndThenSaid() {
        XCTAssertThrowsError(try load("1") { _ in throw Damaged() }) { XCTAssert($0 is Damaged) }
        XCTAssertEqual(compiled, 1)
        XCTAssertThrowsError(try load("1") { _ in throw Damaged() })
        XCTAssertEqual(compiled, 2)
    }

    func testWhatOlderVersionsLeftGoes() throws {
        XCTAssertEqual(try load("1"), "model 1")
        XCTAssertEqual(try load("2"), "model 2")
        XCTAssertEqual(try FileManager.default.contentsOfDirectory(atPath: root.path), ["2"])
    }
}
