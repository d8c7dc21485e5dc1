import XCTest

@testable import TestedKit

/// Logits → entities, answers and labels, against what Python makes of the same logits; see test_swift.py.
final class DecisionFixtureTests: XCTestCase {
    private struct Fixtures: Decodable {
        let tags: [KitSettings.Tag]
        let longestAnswer: Int
        let entities: [EntityCase]
        let answers: [AnswerCase]
        let scores: [ScoreCase]
    }
    private struct EntityCase: Decodable {
        let text: String, logits: [Float]
        let expected: [Found]
    }
    private struct Found: Decodable {
        let label: String, score: Double, start: Int32, end: Int32
    }
    private struct AnswerCase: Decodable {
        let question: String, context: String, maxLength: Int, stride: Int
        /// Of each window.
        let ids: [[Int32]], starts: [[Float]], ends: [[Float]]
        let start: Int32, end: Int32, score: Double, noAnswer: Double
    }
    private struct ScoreCase: Decodable {
        let problem: Problem, activation: Activation, logits: [Float], order: [Int], scores: [Double]
    }

    private struct Settings: Decodable { let tokenizer: TokenizerSettings }

    private func content(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "/work/decisions/\(name)")) }

    private func fixtures() throws -> Fixtures { try JSONDecoder().decode(Fixtures.self, from: content("fixtures.json")) }

    private func readTokenizer() throws -> WordPieceTokenizer {
        let settings = try JSONDecoder().decode(Settings.self, from: content("kit.json")).tokenizer
        return try WordPieceTokenizer(settings: settings, vocabulary: content("vocab.txt"))
    }

    private func scalars(_ range: Range<String.Index>, _ text: String) -> Range<Int32> {
        let view = text.unicodeScalars
        let start = Int32(view.distance(from: view.startIndex, to: range.lowerBound))
        return start..<(start + Int32(view.distance(from: range.lowerBound, to: range.upperBound)))
    }

    private func words(_ start: Int32, _ end: Int32, _ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.dropFirst(Int(start)).prefix(Int(end - start))))
    }

    func testEntities() throws {
        let (tokenizer, fixtures) = (try readTokenizer(), try fixtures())
        XCTAssertFalse(fixtures.entities.isEmpty)
        for one in fixtures.entities {
            let found = try Entity.found(in: one.text, tokenizer.encode(one.text), one.logits, fixtures.tags)
            XCTAssertEqual(found.map(\.label), one.expected.map(\.label), one.text)
            XCTAssertEqual(found.map { scalars($0.range, one.text) }, one.expected.map { $0.start..<$0.end }, one.text)
            for (mine, expected) in zip(found, one.expected) {
                XCTAssertEqual(mine.score, expected.score, accuracy: 1e-5)
                XCTAssertEqual(mine.text, words(expected.start, expected.end, one.text))
            }
        }
    }

    func testAnswers() throws {
        let tokenizer = try readTokenizer()
        let fixtures = try fixtures()
        for one in fixtures.answers {
            let windows = try tokenizer.windows(
                one.question, pair: one.context, maxLength: one.maxLength, stride: one.stride)
            XCTAssertEqual(windows.map(\.ids), one.ids)
            let answers = try zip(windows, zip(one.starts, one.ends)).map { window, logits in
                try Answer.found(in: one.context, window, starts: logits.0, ends: logits.1, longest: fixtures.longestAnswer)
            }
            let found = try XCTUnwrap(Answer.best(of: answers.compactMap { $0 }))
            XCTAssertEqual(scalars(found.range, one.context), one.start..<one.end, one.context)
            XCTAssertEqual(found.text, words(one.start, one.end, one.context))
            XCTAssertEqual(found.score, one.score, accuracy: 1e-9)
            XCTAssertEqual(found.noAnswer, one.noAnswer, accuracy: 1e-9)
        }
    }

    func testScores() throws {
        for one in try fixtures().scores {
            let found = try LabelScore.ranked(one.logits, one.logits.indices.map(String.init), one.problem, one.activation)
            XCTAssertEqual(found.map(\.label), one.order.map(String.init))
            for (mine, expected) in zip(found, one.scores) { XCTAssertEqual(mine.score, expected, accuracy: 1e-9) }
        }
    }

    /// For `bertport report`: what a device would write, but for its figures, which are made up here.
    func testTheRecordIsWritten() throws {
        var record = try DeviceRecord(KitFiles().settings(), vectors: Golden.read().vectors.count)
        record.runs = ComputeUnits.allCases.map { units in
            DeviceRecord.Run(
                computeUnits: units.rawValue, tokens: 3, units == .all ? [.nan] : [0, 1e-6], record.toleranceAbsolute,
                load: .seconds(1), latency: [.milliseconds(2)])
        }
        try record.json().write(to: URL(fileURLWithPath: "/work/decisions/device.json"))
    }

    func testAClassifierTakesAsManyTextsAsItsModelReads() throws {
        let settings = try KitFiles().settings()
        XCTAssertNoThrow(try settings.expectTexts(withPair: false))
        XCTAssertThrowsError(try settings.expectTexts(withPair: true)) { XCTAssertEqual($0 as? KitError, .wrongTexts(reads: 1)) }
    }

    func testSimilarityIsTheCosine() {
        let (one, other) = (Embedding(values: [3, 4, 0]), Embedding(values: [4, 3, 0]))
        XCTAssertEqual(one.similarity(to: other), 0.96, accuracy: 1e-12)
        XCTAssertEqual(one.similarity(to: one), 1, accuracy: 1e-12)
        XCTAssertEqual(one.similarity(to: Embedding(values: [0, 0, 0])), 0)
    }

    func testAnEmptyContextHasNoAnswer() throws {
        let encoding = try readTokenizer().encode("the cat", pair: "")
        let zeros = [Float](repeating: 0, count: encoding.count)
        XCTAssertNil(try Answer.found(in: "", encoding, starts: zeros, ends: zeros, longest: 1))
    }

    func testOutputsOfAnotherShapeAreRefused() throws {
        let encoding = try readTokenizer().encode("the cat")
        XCTAssertThrowsError(try Entity.found(in: "the cat", encoding, [1, 2], fixtures().tags))
        XCTAssertThrowsError(try LabelScore.ranked([1, 2], ["a"], .singleLabel, .softmax))
    }
}
