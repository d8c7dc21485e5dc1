/// What `tokenizers` does to a Unicode scalar, from the generated tables.
///
/// No function of the system's Unicode is used: a phone's version differs from the one that the model was trained with.
struct CharacterRules: Sendable {
    static let shared = CharacterRules()

    /// Sets that a scalar may belong to. `mapped`: a map has an entry for it.
    struct Traits: OptionSet, Sendable {
        let rawValue: UInt8
        static let removed = Traits(rawValue: 1), cleanSpace = Traits(rawValue: 2), chinese = Traits(rawValue: 4)
        static let nonspacing = Traits(rawValue: 8), splitSpace = Traits(rawValue: 16)
        static let punctuation = Traits(rawValue: 32), word = Traits(rawValue: 64), mapped = Traits(rawValue: 128)
    }

    private static let pageSize = 256, scalars = 0x110000
    private var pageOf: [UInt16] = []
    private var pages: [UInt8] = []
    private let lowercase: ScalarMap, decomposition: ScalarMap, order: ScalarMap

    private init() {
        lowercase = ScalarMap(entries: CharacterTables.lowercase)
        decomposition = ScalarMap(entries: CharacterTables.decomposition)
        order = ScalarMap(ranges: CharacterTables.order)
        var traits = [UInt8](repeating: 0, count: Self.scalars)
        for (trait, table) in Self.sets { Self.mark(trait, table, in: &traits) }
        for map in [lowercase, decomposition, order] {
            for key in map.keys { traits[Int(key)] |= Traits.mapped.rawValue }
        }
        fold(traits)
    }

    private static let sets: [(Traits, String)] = [
        (.removed, CharacterTables.removed), (.cleanSpace, CharacterTables.cleanSpace),
        (.chinese, CharacterTables.chinese), (.nonspacing, CharacterTables.nonspacing),
        (.splitSpace, CharacterTables.splitSpace), (.punctuation, CharacterTables.punctuation),
        (.word, CharacterTables.word),
    ]

    private static func mark(_ trait: Traits, _ table: String, in traits: inout [UInt8]) {
        var numbers = TableNumbers(table), at = 0
        while let gap = numbers.next(), let length = numbers.next() {
            at += gap
            for scalar in at..<(at + length) { traits[scalar] |= trait.rawValue }
            at += length
        }
    }

    /// Keeps a page that equals the one before only once: most of Unicode comes in long stretches alike.
    private mutating func fold(_ traits: [UInt8]) {
        for start in stride(from: 0, to: traits.count, by: Self.pageSize) {
            let page = traits[start..<(start + Self.pageSize)]
            if page != pages.suffix(Self.pageSize) { pages += page }
            pageOf.append(UInt16(pages.count / Self.pageSize - 1))
        }
    }

    @inline(__always)
    func traits(_ scalar: UInt32) -> Traits {
        Traits(rawValue: pages[Int(pageOf[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)])
    }

    /// Its lowercase, or nil where it stays.
    func lowercased(_ scalar: UInt32) -> ArraySlice<UInt32>? { lowercase[scalar] }

    /// Its canonical decomposition, or nil where it is whole; of Hangul syllables too (Unicode 3.12).
    func decomposed(_ scalar: UInt32) -> ArraySlice<UInt32>? {
        guard scalar >= 0xAC00, scalar <= 0xD7A3 else { return decomposition[scalar] }
        let index = scalar - 0xAC00
        let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28]
        return index % 28 == 0 ? parts[..<2] : parts[...]
    }

    /// Where it stands in a run of marks: 0 stays where it is, others are sorted.
    func order(_ scalar: UInt32) -> UInt32 { order[scalar]?.first ?? 0 }
}

/// Scalar → scalars, found by halving.
struct ScalarMap: Sendable {
    private(set) var keys: [UInt32] = []
    private var starts: [Int] = [0]
    private var values: [UInt32] = []

    /// Key less the key before, number of values, each value less the key in zigzag.
    init(entries table: String) {
        var numbers = TableNumbers(table), key = 0
        while let gap = numbers.next(), let count = numbers.next() {
            key += gap
            let deltas = (0..<count).map { _ in numbers.next() ?? 0 }
            append(key, deltas.map { key + ($0 & 1 == 0 ? $0 / 2 : -($0 + 1) / 2) })
        }
    }

    /// Gap since the last range, length, and the value of all in it.
    init(ranges table: String) {
        var numbers = TableNumbers(table), at = 0
        while let gap = numbers.next(), let length = numbers.next(), let value = numbers.next() {
            at += gap
            for key in at..<(at + length) { append(key, [value]) }
            at += length
        }
    }

    private mutating func append(_ key: Int, _ mapped: [Int]) {
        keys.append(UInt32(key))
        values += mapped.map(UInt32.init)
        starts.append(values.count)
    }

    subscript(key: UInt32) -> ArraySlice<UInt32>? {
        var low = 0, high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        guard low < keys.count, keys[low] == key else { return nil }
        return values[starts[low]..<starts[low + 1]]
    }
}

/// The numbers of a generated table: base 36, white space between.
struct TableNumbers: IteratorProtocol {
    private var bytes: Array<UInt8>.Iterator

    init(_ table: String) { bytes = Array(table.utf8).makeIterator() }

    mutating func next() -> Int? {
        var number: Int?
        while let byte = bytes.next() {
            guard byte > 0x20 else {
                if number != nil { return number }
                continue
            }
            number = (number ?? 0) * 36 + Int(byte < 0x3A ? byte - 0x30 : byte - 0x57)
        }
        return number
    }
}
