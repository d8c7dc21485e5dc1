import Foundation

/// Compiled models kept in the app's caches, which the system may empty at any time, in whole or in part.
struct CompiledModels {
    /// Of the kit in this app: what else is in it was left by older exports and systems.
    let root: URL
    /// Of the export and of the system.
    let version: String

    /// The model kept under a name; where there is none, or it does not load, what `compile` makes, once.
    ///
    /// `compile` gives a place from which the model may be moved, `load` throws for one that is not whole.
    func load<Model>(_ name: String, compile: () throws -> URL, load: (URL) throws -> Model) throws -> Model {
        let kept = root.appendingPathComponent(version).appendingPathComponent(name)
        if FileManager.default.fileExists(atPath: kept.path) {
            if let found = try? load(kept) { return found }
            try? FileManager.default.removeItem(at: kept)
        }
        removeOthers()
        try keep(compile(), at: kept)
        return try load(kept)
    }

    /// Moved there in one step: another process that compiles at the same time finds it whole or not at all.
    private func keep(_ made: URL, at kept: URL) throws {
        try FileManager.default.createDirectory(at: kept.deletingLastPathComponent(), withIntermediateDirectories: true)
        do {
            try FileManager.default.moveItem(at: made, to: kept)
        } catch where FileManager.default.fileExists(atPath: kept.path) {
            try? FileManager.default.removeItem(at: made)
        }
    }

    private func removeOthers() {
        let found = try? FileManager.default.contentsOfDirectory(at: root, includingPropertiesForKeys: nil)
        for one in found ?? [] where one.lastPathComponent != version { try? FileManager.default.removeItem(at: one) }
    }
}
