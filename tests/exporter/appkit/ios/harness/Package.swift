// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "Harness",
    platforms: [.macOS("14.0")],
    dependencies: [.package(path: "../TestedKit")],
    targets: [
        .executableTarget(name: "tokenize", dependencies: [.product(name: "TestedKit", package: "TestedKit")])
    ]
)
