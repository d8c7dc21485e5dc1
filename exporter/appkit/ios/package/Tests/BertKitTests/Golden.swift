import Foundation

@testable import BertKit

/// golden.json: texts with the ids and the logits that PyTorch gives.
struct Golden: Decodable {
    let vectors: [Vector]

    struct Vector: Decodable {
        let text: String
        let pair: String?
        let ids, mask: [Int32]
        /// Nil where the model reads none.
        let types: [Int32]?
        /// By output, in the order of its shape; of a token's outputs those of all tokens.
        let outputs: [String: [Float]]

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            text = try container.decode(String.self, forKey: Key("text"))
            pair = try container.decodeIfPresent(String.self, forKey: Key("text_pair"))
            ids = try container.decode([Int32].self, forKey: Key("input_ids"))
            mask = try container.decode([Int32].self, forKey: Key("attention_mask"))
            types = try container.decodeIfPresent([Int32].self, forKey: Key("token_type_ids"))
            let inputs: Set = ["text", "text_pair", "input_ids", "attention_mask", "token_type_ids"]
            let names = container.allKeys.filter { !inputs.contains($0.stringValue) }
            outputs = try Dictionary(
                uniqueKeysWithValues: names.map { ($0.stringValue, try container.decode(Numbers.self, forKey: $0).flat) })
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// A number, or a list of these, however deep.
    private enum Numbers: Decodable {
        case one(Float), many([Numbers])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Float.self) {
                self = .one(number)
            } else {
                self = .many(try container.decode([Numbers].self))
            }
        }

        var flat: [Float] {
            switch self {
            case .one(let number): [number]
            case .many(let numbers): numbers.flatMap(\.flat)
            }
        }
    }

    static func read() throws -> Golden {
        guard let url = Bundle.module.url(forResource: "golden", withExtension: "json") else {
            throw KitError.missingFile("golden.json")
        }
        return try JSONDecoder().decode(Golden.self, from: Data(contentsOf: url))
    }
}
