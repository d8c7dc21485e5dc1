import Foundation

/// e^x over their sum, largest taken out first.
func softmax(_ logits: some Collection<Float>) -> [Double] {
    let largest = Double(logits.max() ?? 0)
    let powers = logits.map { exp(Double($0) - largest) }
    let sum = powers.reduce(0, +)
    return powers.map { $0 / sum }
}

func sigmoid(_ logit: Float) -> Double { 1 / (1 + exp(-Double(logit))) }

extension Collection where Element: Comparable {
    /// Position of the largest, the first of equal ones; nil where there is none.
    var largestIndex: Index? { indices.max { self[$0] < self[$1] || (self[$0] == self[$1] && $0 > $1) } }
}
