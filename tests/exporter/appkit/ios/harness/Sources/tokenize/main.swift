// tokenize SETTINGS.json VOCAB.txt INPUT.json OUTPUT [MAX_LENGTH [STRIDE]]
//
// INPUT is a list of texts and of pairs ([first, second]). OUTPUT is int32, little-endian: of each the number of tokens,
// then its ids, type ids, mask, starts and ends; with a stride, of each window of each pair. On stdout, as JSON: seconds to
// load and to tokenize, and tokens.
import Foundation
import TestedKit

let arguments = CommandLine.arguments

func content(_ position: Int) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: arguments[position])) }

enum Item: Decodable {
    case one(String), two([String])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        self = if let text = try? container.decode(String.self) { .one(text) } else { .two(try container.decode([String].self)) }
    }
}

struct Kit: Decodable { let tokenizer: TokenizerSettings }

let settings = try JSONDecoder().decode(Kit.self, from: content(1)).tokenizer
let vocabulary = try content(2)
let items = try JSONDecoder().decode([Item].self, from: content(3))
let maxLength = arguments.count > 5 ? Int(arguments[5]) : nil
let stride = arguments.count > 6 ? Int(arguments[6]) : nil

let clock = ContinuousClock()
var loaded: WordPieceTokenizer?
let loading = try clock.measure { loaded = try WordPieceTokenizer(settings: settings, vocabulary: vocabulary) }
let tokenizer = loaded!

var encodings: [Encoding] = []
let encoding = try clock.measure {
    encodings = try items.flatMap { item in
        switch item {
        case .one(let text): [try tokenizer.encode(text, maxLength: maxLength)]
        case .two(let texts):
            if let maxLength, let stride {
                try tokenizer.windows(texts[0], pair: texts[1], maxLength: maxLength, stride: stride)
            } else {
                [try tokenizer.encode(texts[0], pair: texts[1], maxLength: maxLength)]
            }
        }
    }
}

var output: [Int32] = []
for one in encodings {
    output.append(Int32(one.count))
    output += one.ids + one.typeIds + one.attentionMask + one.offsets.map(\.lowerBound) + one.offsets.map(\.upperBound)
}
try output.withUnsafeBytes { try Data($0).write(to: URL(fileURLWithPath: arguments[4])) }

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
}
let tokens = encodings.reduce(0) { $0 + $1.count }
print("{\"load_s\": \(seconds(loading)), \"encode_s\": \(seconds(encoding)), \"tokens\": \(tokens)}")
