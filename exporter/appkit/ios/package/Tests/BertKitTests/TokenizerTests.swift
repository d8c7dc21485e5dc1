import XCTest

@testable import BertKit

/// Text → ids, on every system.
final class TokenizerTests: XCTestCase {
    func testGoldenTextsGiveTheirIdsExactly() throws {
        let (settings, tokenizer) = (try KitFiles().settings(), try KitFiles().tokenizer())
        let vectors = try Golden.read().vectors
        XCTAssertFalse(vectors.isEmpty)
        for vector in vectors {
            // golden vectors are cut so, whatever the checkpoint asks of its users
            let found = try tokenizer.encode(
                settings.prompt + vector.text, pair: vector.pair, maxLength: settings.maxTokens, truncation: .longestFirst)
            XCTAssertEqual(found.ids, vector.ids, vector.text)
            XCTAssertEqual(found.attentionMask, vector.mask, vector.text)
            if let types = vector.types { XCTAssertEqual(found.typeIds, types, vector.text) }
        }
    }

    func testOffsetsNameTheOriginalText() throws {
        let tokenizer = try KitFiles().tokenizer()
        for text in ["a Café\u{301} 👩‍👩‍👧 b", "İ 北京 x", "", " "] {
            let found = try tokenizer.encode(text)
            for (offsets, sequence) in zip(found.offsets, found.sequences) where sequence >= 0 {
                XCTAssertFalse(text[text.range(ofScalars: offsets)].isEmpty)
            }
        }
    }

    func testWhatIsNoUnicodeIsReadAsReplacementCharacters() throws {
        let tokenizer = try KitFiles().tokenizer()
        let expected = try tokenizer.encode("a\u{FFFD}b c")
        let surrogate: [unichar] = [0x61, 0xD83D, 0x62, 0x20, 0x63]
        XCTAssertEqual(try tokenizer.encode(String(decoding: surrogate, as: UTF16.self)), expected)
        XCTAssertEqual(try tokenizer.encode(String(decoding: [0x61, 0xFF, 0x62, 0x20, 0x63] as [UInt8], as: UTF8.self)), expected)
        XCTAssertEqual(try tokenizer.encode(NSString(characters: surrogate, length: 5) as String), expected)
    }

    func testALongTextIsCutToTheLongestLength() throws {
        let longest = try KitFiles().settings().maxTokens
        let text = String(repeating: "a long text ", count: 10_000)
        XCTAssertEqual(try KitFiles().tokenizer().encode(text, maxLength: longest).count, longest)
    }

    func testOfALongTextNoMoreIsReadThanIsAskedFor() throws {
        let text = String(repeating: "a few words, ", count: 20_000)
        final class Read { var most = 0 }
        let seen = Read()
        var reading = TextTokens(text, try KitFiles().settings().tokenizer, .shared) { part in
            seen.most = max(seen.most, part.count)
            return part.indices.filter { part[$0] == 0x20 }.map { Token(id: 0, start: Int32($0), end: Int32($0), word: 0) }
        }
        reading.read(128)
        XCTAssertGreaterThanOrEqual(reading.count, 128)
        XCTAssertLessThan(seen.most, 10_000)
        reading.readAll()
        XCTAssertEqual(seen.most, text.unicodeScalars.count)
        XCTAssertEqual(reading.count, 60_000)
    }

    func testALengthBelowTheSpecialTokensIsRefused() throws {
        let tokenizer = try KitFiles().tokenizer()
        let special = tokenizer.settings.single.filter { $0.id != nil }.count
        guard special > 0 else { return }
        XCTAssertThrowsError(try tokenizer.encode("a", maxLength: special - 1)) { error in
            XCTAssertEqual(error as? KitError, .lengthTooShort(special - 1, specialTokens: special))
        }
    }

    func testALongContextIsReadToItsEndInWindows() throws {
        let tokenizer = try KitFiles().tokenizer()
        let question = "a", context = String(repeating: "a long text ", count: 100)
        let whole = try tokenizer.encode(question, pair: context)
        let windows = try tokenizer.windows(question, pair: context, maxLength: 24, stride: 12)
        XCTAssertGreaterThan(windows.count, 20)
        XCTAssertEqual(windows.last?.offsets.filter { $0.upperBound > 0 }.last, whole.offsets.filter { $0.upperBound > 0 }.last)
        XCTAssertEqual(try tokenizer.windows(question, pair: context, maxLength: whole.count, stride: 12), [whole])
    }

    func testAQuestionThatLeavesNoRoomAndAStrideBelowNoneAreRefused() throws {
        let tokenizer = try KitFiles().tokenizer()
        let question = String(repeating: "a long text ", count: 100)
        XCTAssertThrowsError(try tokenizer.windows(question, pair: "a b c", maxLength: 16, stride: 8)) { error in
            guard case .cannotTruncate? = error as? KitError else { return XCTFail("\(error)") }
        }
        XCTAssertThrowsError(try tokenizer.windows("a", pair: "b", maxLength: 16, stride: -1)) { error in
            XCTAssertEqual(error as? KitError, .invalidStride(-1))
        }
    }

    func testSettingsThatAreMissingOrDamagedAreNamed() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        XCTAssertThrowsError(try KitFiles(folder: folder).settings()) { error in
            XCTAssertEqual(error as? KitError, .missingFile("ModelFiles/kit.json"))
        }
        try Data("{".utf8).write(to: folder.appendingPathComponent("kit.json"))
        XCTAssertThrowsError(try KitFiles(folder: folder).settings()) { error in
            guard case .invalidSettings? = error as? KitError else { return XCTFail("\(error)") }
        }
    }

    func testAVocabularyThatIsNotOneIsRefused() throws {
        XCTAssertThrowsError(try Vocabulary(Data("a\n\nb\na\n".utf8), prefix: "##")) { error in
            XCTAssertEqual(error as? KitError, .invalidVocabulary("line 4 is a again"))
        }
        XCTAssertThrowsError(try Vocabulary(Data([0x61, 0x0A, 0xFF, 0x0A]), prefix: "##")) { error in
            XCTAssertEqual(error as? KitError, .invalidVocabulary("line 2 is not UTF-8"))
        }
        XCTAssertEqual(try Vocabulary(Data("a\n\nb\n\n".utf8), prefix: "##").count, 2)
    }
}
