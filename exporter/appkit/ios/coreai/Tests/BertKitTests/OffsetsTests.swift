import XCTest

@testable import BertKit

/// Arrays as a runtime may lay them out, on every system.
final class OffsetsTests: XCTestCase {
    func testNumbersAreReadInTheOrderOfTheShape() {
        XCTAssertEqual(offsets(shape: [1, 4], strides: [4, 1]), [0, 1, 2, 3])
        XCTAssertEqual(offsets(shape: [2, 3], strides: [8, 1]), [0, 1, 2, 8, 9, 10])  // rows padded to eight
        XCTAssertEqual(offsets(shape: [2, 2, 2], strides: [1, 2, 16]), [0, 16, 2, 18, 1, 17, 3, 19])
        XCTAssertEqual(offsets(shape: [], strides: []), [0])
        XCTAssertEqual(offsets(shape: [2, 0], strides: [1, 1]), [])
    }
}
