#if canImport(CoreML)
    import CoreML
    import Foundation

    /// A package as Core ML runs it: compiled where it travels with the kit, or here once and kept.
    enum CompiledModel {
        /// `Model.mlmodelc` beside `Model.mlpackage` if someone put it there (`xcrun coremlcompiler compile`); else the
        /// package is compiled into the app's caches, for this export and this system.
        static func load(
            _ model: KitSettings.Model, _ files: KitFiles, _ settings: KitSettings, _ configuration: MLModelConfiguration
        ) throws -> MLModel {
            let package = files.folder.appendingPathComponent(model.file)
            let compiled = package.deletingPathExtension().appendingPathExtension("mlmodelc")
            if FileManager.default.fileExists(atPath: compiled.path) {
                return try MLModel(contentsOf: compiled, configuration: configuration)
            }
            guard FileManager.default.fileExists(atPath: package.path) else {
                throw KitError.missingFile("ModelFiles/\(model.file)")
            }
            return try cache(settings).load(
                compiled.lastPathComponent,
                compile: { try MLModel.compileModel(at: package) },
                load: { try MLModel(contentsOf: $0, configuration: configuration) })
        }

        private static func cache(_ settings: KitSettings) throws -> CompiledModels {
            let caches = try FileManager.default.url(
                for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            let version = ProcessInfo.processInfo.operatingSystemVersion
            let system = "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
            // on a Mac, apps that are not sandboxed share their caches
            let app = Bundle.main.bundleIdentifier ?? ProcessInfo.processInfo.processName
            return CompiledModels(
                root: caches.appendingPathComponent("BertKit/\(app)"),
                version: "\(settings.manifestSha256.prefix(16))-\(system)")
        }
    }
#endif
