/// A text in the making: scalars, and of each the scalar of the original text that it came from.
///
/// The steps are those of `tokenizers`' BertNormalizer, the bookkeeping that of its `NormalizedString`.
struct NormalizedText {
    private(set) var scalars: [UInt32]
    private(set) var origins: [Int32]
    private var isASCII = true

    /// `range` of a text's scalars, normalised as `settings` say.
    init(_ text: ArraySlice<UInt32>, _ settings: TokenizerSettings, _ rules: CharacterRules) {
        scalars = []
        origins = []
        scalars.reserveCapacity(text.count + 8)
        origins.reserveCapacity(text.count + 8)
        clean(text, settings, rules)
        if settings.stripAccents, !isASCII { stripAccents(rules) }
        if settings.lowercase { lowercase(rules) }
    }

    private mutating func append(_ scalar: UInt32, from origin: Int32) {
        scalars.append(scalar)
        origins.append(origin)
    }

    /// Drops control characters, makes white space spaces, puts spaces around Chinese characters.
    private mutating func clean(_ text: ArraySlice<UInt32>, _ settings: TokenizerSettings, _ rules: CharacterRules) {
        for (position, scalar) in zip(text.indices, text) {
            let traits = rules.traits(scalar), origin = Int32(truncatingIfNeeded: position)
            if scalar > 0x7F { isASCII = false }
            if settings.cleanText {
                if traits.contains(.removed) { continue }
                if traits.contains(.cleanSpace) {
                    append(0x20, from: origin)
                    continue
                }
            }
            if settings.chineseCharacters, traits.contains(.chinese) {
                for part in [0x20, scalar, 0x20] { append(part, from: origin) }
            } else {
                append(scalar, from: origin)
            }
        }
    }

    /// Decomposes, sorts runs of marks, and drops the nonspacing ones.
    ///
    /// Sorted parts are given origins in their new order, as `tokenizers` does it: the first part of a decomposition
    /// takes the next origin, its other parts the last one taken.
    private mutating func stripAccents(_ rules: CharacterRules) {
        let decomposed = Decomposition(of: scalars, rules)
        var kept: [UInt32] = [], keptOrigins: [Int32] = [], next = 0
        kept.reserveCapacity(scalars.count)
        keptOrigins.reserveCapacity(scalars.count)
        for part in decomposed.parts {
            if part.isFirst { next += 1 }
            if part.scalar > 0x7F, rules.traits(part.scalar).contains(.nonspacing) { continue }
            kept.append(part.scalar)
            keptOrigins.append(origins[max(next - 1, 0)])
        }
        (scalars, origins) = (kept, keptOrigins)
    }

    private mutating func lowercase(_ rules: CharacterRules) {
        if isASCII {
            for index in scalars.indices where scalars[index] &- 0x41 < 26 { scalars[index] += 0x20 }
            return
        }
        var lowered: [UInt32] = [], loweredOrigins: [Int32] = []
        lowered.reserveCapacity(scalars.count)
        loweredOrigins.reserveCapacity(scalars.count)
        for (scalar, origin) in zip(scalars, origins) {
            if rules.traits(scalar).contains(.mapped), let mapped = rules.lowercased(scalar) {
                lowered += mapped
                loweredOrigins += repeatElement(origin, count: mapped.count)
            } else {
                lowered.append(scalar)
                loweredOrigins.append(origin)
            }
        }
        (scalars, origins) = (lowered, loweredOrigins)
    }
}

/// Canonical decomposition (NFD).
private struct Decomposition {
    struct Part {
        let scalar: UInt32, order: UInt32, isFirst: Bool
    }

    private(set) var parts: [Part] = []
    private var runStart = 0

    init(of scalars: [UInt32], _ rules: CharacterRules) {
        parts.reserveCapacity(scalars.count + 8)
        for scalar in scalars {
            if scalar > 0x7F, let decomposed = rules.decomposed(scalar) {
                for (index, part) in decomposed.enumerated() { append(part, isFirst: index == 0, rules) }
            } else {
                append(scalar, isFirst: true, rules)
            }
        }
        sortRun()
    }

    private mutating func append(_ scalar: UInt32, isFirst: Bool, _ rules: CharacterRules) {
        let mapped = scalar > 0x7F && rules.traits(scalar).contains(.mapped)
        let order = mapped ? rules.order(scalar) : 0
        if order == 0 { sortRun() }
        parts.append(Part(scalar: scalar, order: order, isFirst: isFirst))
        if order == 0 { runStart = parts.count }
    }

    /// Sorts the marks since the last scalar that stays, equal ones as they stand.
    private mutating func sortRun() {
        let run = parts[runStart...]
        guard run.count > 1, zip(run, run.dropFirst()).contains(where: { $0.order > $1.order }) else { return }
        let sorted = run.enumerated().sorted { ($0.element.order, $0.offset) < ($1.element.order, $1.offset) }
        parts.replaceSubrange(runStart..., with: sorted.map(\.element))
    }
}
