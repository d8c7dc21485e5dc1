// What SwiftPM generates for a target with resources; `swiftc` alone does not.
import Foundation

extension Foundation.Bundle {
    static var module: Bundle { fatalError("stub") }
}
