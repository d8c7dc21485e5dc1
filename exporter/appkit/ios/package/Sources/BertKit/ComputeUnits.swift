/// What may compute: the units of the device, by the names that bertport gives them.
public enum ComputeUnits: String, Sendable, Codable, CaseIterable {
    case cpuOnly = "cpu-only", cpuAndGPU = "cpu-and-gpu", cpuAndNeuralEngine = "cpu-and-ne", all
}
