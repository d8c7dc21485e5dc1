// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "BertKit",
    platforms: [.iOS("16.0"), .macOS("13.0")],
    products: [.library(name: "BertKit", targets: ["BertKit"])],
    targets: [
        .target(name: "BertKit", resources: [.copy("ModelFiles"), .copy("PrivacyInfo.xcprivacy")]),
        .testTarget(name: "BertKitTests", dependencies: ["BertKit"], resources: [.copy("golden.json")]),
    ]
)
