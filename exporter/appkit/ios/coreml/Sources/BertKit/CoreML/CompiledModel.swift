#if canImport(CoreML)
    import CoreML
    import Foundation

    /// The compiled form of a package: the one that travels with the kit, or one made here once and kept.
    enum CompiledModel {
        /// `Model.mlmodelc` beside `Model.mlpackage` if someone put it there (`xcrun coremlcompiler compile`); else the
        /// package is compiled into the app's caches, for this export and this system.
        static func url(of model: KitSettings.Model, _ files: KitFiles, _ settings: KitSettings) throws -> URL {
            let package = files.folder.appendingPathComponent(model.file)
            let compiled = package.deletingPathExtension().appendingPathExtension("mlmodelc")
            if FileManager.default.fileExists(atPath: compiled.path) { return compiled }
            guard FileManager.default.fileExists(atPath: package.path) else {
                throw KitError.missingFile("ModelFiles/\(model.file)")
            }
            let kept = try cache(settings).appendingPathComponent(compiled.lastPathComponent)
            if !FileManager.default.fileExists(atPath: kept.path) { try compile(package, to: kept) }
            return kept
        }

        private static func cache(_ settings: KitSettings) throws -> URL {
            let caches = try FileManager.default.url(
                for: .cachesDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            let version = ProcessInfo.processInfo.operatingSystemVersion
            let system = "\(version.majorVersion).\(version.minorVersion).\(version.patchVersion)"
            let folder = caches.appendingPathComponent("BertKit/\(settings.manifestSha256.prefix(16))-\(system)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            return folder
        }

        /// Moved there in one step: another process that compiles at the same time finds it whole or not at all.
        private static func compile(_ package: URL, to kept: URL) throws {
            let made = try MLModel.compileModel(at: package)
            do {
                try FileManager.default.moveItem(at: made, to: kept)
            } catch where FileManager.default.fileExists(atPath: kept.path) {
                try? FileManager.default.removeItem(at: made)
            }
        }
    }
#endif
