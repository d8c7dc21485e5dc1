/// Where the numbers of an array lie, in the order of its shape: strides may leave gaps between them.
func offsets(shape: [Int], strides: [Int]) -> [Int] {
    zip(shape, strides).reduce([0]) { found, axis in
        found.flatMap { start in (0..<axis.0).map { start + $0 * axis.1 } }
    }
}
