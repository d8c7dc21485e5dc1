// A stub of ours with the declarations of Core AI that a kit uses, so that its Core AI half can be type-checked where there
// is no Core AI. Nothing here runs: every body traps. Spelled after Apple's documentation of 27.0: the pages of AIModel,
// InferenceFunction, InferenceValue, NDArray and SpecializationOptions under developer.apple.com/documentation/coreai.
import Foundation

/// Of the standard library from Swift 6.2 on; this is what a kit uses of it.
public struct Span<Element> {
    public subscript(_ position: Int) -> Element { fatalError("stub") }
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public enum ComputeUnitKind: Sendable {
    case cpu, gpu, neuralEngine
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public struct SpecializationOptions {
    public static var `default`: SpecializationOptions { fatalError("stub") }
    public static var cpuOnly: SpecializationOptions { fatalError("stub") }
    public init(preferredComputeUnitKind: ComputeUnitKind) { fatalError("stub") }
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public struct AIModel {
    public init(contentsOf modelURL: URL, options: SpecializationOptions = .default) async throws { fatalError("stub") }
    public func loadFunction(named functionName: String) throws -> InferenceFunction? { fatalError("stub") }
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public struct InferenceFunction: Sendable {
    public struct MutableViews: ~Copyable {
        public init() { fatalError("stub") }
    }

    public struct Outputs: ~Copyable {
        public mutating func remove(_ name: String) -> InferenceValue? { fatalError("stub") }
    }

    public func run(
        inputs: [String: NDArray], states: consuming MutableViews = MutableViews(),
        outputViews: consuming MutableViews = MutableViews()
    ) async throws -> Outputs { fatalError("stub") }
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public struct InferenceValue {
    public var ndArray: NDArray? { fatalError("stub") }
}

@available(iOS 27, macOS 27, tvOS 27, visionOS 27, watchOS 27, *)
public struct NDArray {
    public enum ScalarType { case float16, float32, int32 }
    public struct InterleaveLayout {}

    public struct View<Element: BitwiseCopyable>: ~Copyable {
        public var interleaveLayout: InterleaveLayout? { fatalError("stub") }
        public func withUnsafePointer<R, E: Error>(
            _ body: (UnsafePointer<Element>, Span<Int>, Span<Int>) throws(E) -> R
        ) throws(E) -> R { fatalError("stub") }
    }

    public init<Scalar: BitwiseCopyable>(scalars: some Sequence<Scalar>, shape: [Int]) { fatalError("stub") }
    public var shape: [Int] { fatalError("stub") }
    public var scalarType: ScalarType { fatalError("stub") }
    public func view<T: BitwiseCopyable>(as type: T.Type = T.self) -> View<T> { fatalError("stub") }
}
