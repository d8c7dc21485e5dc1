import Foundation

/// The pieces as a tree of scalars. `String` would not do: to it, two spellings of é are equal, and to BERT they are not.
struct Vocabulary: Sendable {
    static let root: Int32 = 0
    /// Pieces that continue a word start here: after the prefix, `##`.
    private(set) var continuation: Int32 = root
    private(set) var count = 0
    private var ids: [Int32] = [-1]
    private var edges = EdgeTable()

    /// Reads vocab.txt: the piece of each id on its line, ended by 0x0A and nothing else; an empty line is an id without
    /// a piece. Throws where a piece stands twice or is not UTF-8.
    init(_ file: Data, prefix: String) throws {
        let lines = [UInt8](file).split(separator: 0x0A, omittingEmptySubsequences: false)
        for (number, line) in lines.enumerated() where !line.isEmpty {
            let piece = String(decoding: line, as: UTF8.self)  // repairs what is not UTF-8, so that its bytes differ
            guard piece.utf8.elementsEqual(line) else {
                throw KitError.invalidVocabulary("line \(number + 1) is not UTF-8")
            }
            let node = add(piece.unicodeScalars)
            guard ids[node] < 0 else { throw KitError.invalidVocabulary("line \(number + 1) is \(piece) again") }
            ids[node] = Int32(number)
            count += 1
        }
        continuation = Int32(add(prefix.unicodeScalars))
    }

    private mutating func add(_ piece: String.UnicodeScalarView) -> Int {
        var node: Int32 = Self.root
        for scalar in piece {
            if let next = edges[node, scalar.value] {
                node = next
            } else {
                ids.append(-1)
                edges.insert(node, scalar.value, Int32(ids.count - 1))
                node = Int32(ids.count - 1)
            }
        }
        return Int(node)
    }

    /// The longest piece at the start of `word` that begins below `node`: its id and its number of scalars.
    func longest(in word: ArraySlice<UInt32>, below node: Int32) -> (id: Int32, length: Int)? {
        var node = node, found: (id: Int32, length: Int)?, length = 0
        for scalar in word {
            guard let next = edges[node, scalar] else { break }
            (node, length) = (next, length + 1)
            if ids[Int(node)] >= 0 { found = (ids[Int(node)], length) }
        }
        return found
    }
}

/// (node, scalar) → node, in one open-addressed table: a dictionary takes four times as long to fill.
private struct EdgeTable: Sendable {
    private static let empty = UInt64.max
    private var keys = [UInt64](repeating: empty, count: 1 << 12)
    private var targets = [Int32](repeating: 0, count: 1 << 12)
    private var count = 0

    subscript(node: Int32, scalar: UInt32) -> Int32? {
        let key = Self.key(node, scalar), slot = slot(of: key)
        return keys[slot] == key ? targets[slot] : nil
    }

    mutating func insert(_ node: Int32, _ scalar: UInt32, _ target: Int32) {
        if count * 3 > keys.count * 2 { grow() }
        place(Self.key(node, scalar), target)
        count += 1
    }

    private static func key(_ node: Int32, _ scalar: UInt32) -> UInt64 { UInt64(node) << 21 | UInt64(scalar) }

    /// The slot that holds `key`, or the empty one where it belongs. The factor is 2⁶⁴ divided by the golden ratio.
    @inline(__always)
    private func slot(of key: UInt64) -> Int {
        let mask = keys.count - 1
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32) & mask
        while keys[slot] != key, keys[slot] != Self.empty { slot = (slot + 1) & mask }
        return slot
    }

    private mutating func place(_ key: UInt64, _ target: Int32) {
        let slot = slot(of: key)
        keys[slot] = key
        targets[slot] = target
    }

    private mutating func grow() {
        let old = zip(keys, targets)
        keys = [UInt64](repeating: Self.empty, count: keys.count * 2)
        targets = [Int32](repeating: 0, count: keys.count)
        for (key, target) in old where key != Self.empty { place(key, target) }
    }
}
