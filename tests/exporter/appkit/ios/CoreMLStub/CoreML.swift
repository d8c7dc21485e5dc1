// A stub of ours with the declarations of Core ML that a kit uses, so that its Core ML half can be type-checked where there
// is no Core ML. Nothing here runs: every body traps. Spelled after Apple's documentation of iOS 16 to 18.
import Foundation

public enum MLComputeUnits: Int, Sendable {
    case cpuOnly = 0, cpuAndGPU, all, cpuAndNeuralEngine
}

public class MLModelConfiguration: NSObject {
    public var computeUnits: MLComputeUnits = .all
    @available(macOS 15.0, iOS 18.0, *) public var functionName: String?
}

public class MLMultiArray: NSObject {
    public convenience init(_ shapedArray: MLShapedArray<Int32>) { fatalError("stub") }
}

public protocol MLShapedArrayScalar {}
extension Int32: MLShapedArrayScalar {}
extension Float: MLShapedArrayScalar {}

public struct MLShapedArray<Scalar: MLShapedArrayScalar> {
    public init(scalars: some Sequence<Scalar>, shape: [Int]) { fatalError("stub") }
    public init(converting multiArray: MLMultiArray) { fatalError("stub") }
    public var scalars: [Scalar] { fatalError("stub") }
}

public class MLFeatureValue: NSObject {
    public var multiArrayValue: MLMultiArray? { fatalError("stub") }
}

public protocol MLFeatureProvider {
    var featureNames: Set<String> { get }
    func featureValue(for featureName: String) -> MLFeatureValue?
}

public class MLDictionaryFeatureProvider: NSObject, MLFeatureProvider {
    public init(dictionary: [String: Any]) throws { fatalError("stub") }
    public var featureNames: Set<String> { fatalError("stub") }
    public func featureValue(for featureName: String) -> MLFeatureValue? { fatalError("stub") }
}

public class MLModel: NSObject {
    public convenience init(contentsOf url: URL, configuration: MLModelConfiguration) throws { fatalError("stub") }
    public func prediction(from input: any MLFeatureProvider) throws -> any MLFeatureProvider { fatalError("stub") }
    @available(macOS 14.0, iOS 17.0, *)
    public func prediction(from input: any MLFeatureProvider) async throws -> any MLFeatureProvider { fatalError("stub") }
    @available(*, noasync)
    public class func compileModel(at url: URL) throws -> URL { fatalError("stub") }
    public class func compileModel(at url: URL) async throws -> URL { fatalError("stub") }
}
