/// A stretch of the context that answers.
public struct Answer: Sendable, Equatable {
    /// How likely start and end are; `noAnswer` is the same for "there is no answer here" (SQuAD 2).
    public let score, noAnswer: Double
    /// What it is of the context: `range` is of that context alone, and may lie outside of another.
    public let text: String
    /// In the context as it was given; whole words.
    public let range: Range<String.Index>

    /// The best start and end in the context, the end no earlier than the start and at most `longest` tokens on.
    ///
    /// Both are softmax over the first token and the context's tokens, as transformers' `QuestionAnsweringPipeline`
    /// (4.x) has them. Nil where no token of the context is left.
    static func found(
        in context: String, _ encoding: Encoding, starts: [Float], ends: [Float], longest: Int
    ) throws -> Answer? {
        guard starts.count >= encoding.count else { throw KitError.unexpectedOutput("start_logits") }
        guard ends.count >= encoding.count else { throw KitError.unexpectedOutput("end_logits") }
        let tokens = (0..<encoding.count).filter { encoding.sequences[$0] == 1 }
        let start = softmax([starts[0]] + tokens.map { starts[$0] }), end = softmax([ends[0]] + tokens.map { ends[$0] })
        guard let best = best(start.dropFirst(), end.dropFirst(), longest) else { return nil }
        let first = encoding.wordStart(tokens[best.start]), last = encoding.wordEnd(tokens[best.end])
        let range = context.range(ofScalars: first..<max(first, last))
        return Answer(score: best.score, noAnswer: start[0] * end[0], text: String(context[range]), range: range)
    }

    /// Of the answers of a context's windows the most likely; that there is none is as likely as its least likely window
    /// says. Both are what the pipeline does.
    static func best(of found: [Answer]) -> Answer? {
        guard let best = found.max(by: { $0.score < $1.score }) else { return nil }
        let noAnswer = found.map(\.noAnswer).min() ?? 0
        return Answer(score: best.score, noAnswer: noAnswer, text: best.text, range: best.range)
    }

    /// Positions from 0 of the largest product.
    private static func best(
        _ starts: ArraySlice<Double>, _ ends: ArraySlice<Double>, _ longest: Int
    ) -> (start: Int, end: Int, score: Double)? {
        var best: (start: Int, end: Int, score: Double)?
        for (start, startScore) in starts.enumerated() {
            for (length, endScore) in ends.dropFirst(start).prefix(longest).enumerated()
            where startScore * endScore > best?.score ?? -1 {
                best = (start, start + length, startScore * endScore)
            }
        }
        return best
    }
}

extension Encoding {
    /// Where the word of a token starts and ends, in scalars of its text, as far as it is in the encoding.
    fileprivate func wordStart(_ token: Int) -> Int32 {
        offsets[indices.first { sequences[$0] == sequences[token] && words[$0] == words[token] } ?? token].lowerBound
    }

    fileprivate func wordEnd(_ token: Int) -> Int32 {
        offsets[indices.last { sequences[$0] == sequences[token] && words[$0] == words[token] } ?? token].upperBound
    }

    private var indices: Range<Int> { 0..<count }
}

/// Question and context in, an answer out. Safe to share; make one and keep it.
public final class AnswerFinder: Sendable {
    private let predictor: Predictor

    /// `computeUnits`: others than the model was exported for. Throws where a resource is missing or damaged, or
    /// the system is older than the model's format.
    public init(computeUnits: ComputeUnits? = nil) throws {
        predictor = try Predictor(computeUnits: computeUnits)
    }

    /// Loads the model now instead of at the first question.
    public func prepare() async throws { try await predictor.prepare() }

    /// The best answer of at most `longest` tokens; nil where there is nothing in the context to answer with.
    ///
    /// A long context is read to its end: in windows, of which neighbours share `stride` tokens, and
    /// each is one prediction; nil is what kit.json says under `shown`. A question that leaves no
    /// room for the context is `KitError.cannotTruncate`.
    public func answer(
        _ question: String, in context: String, longest: Int? = nil, stride: Int? = nil
    ) async throws -> Answer? {
        var answers: [Answer?] = []
        for window in try windows(question, context, stride) {
            answers.append(try found(in: context, window, await predictor.outputs(for: window), longest))
        }
        return Answer.best(of: answers.compactMap { $0 })
    }

    /// The same, in the calling thread's time.
    public func answer(_ question: String, in context: String, longest: Int? = nil, stride: Int? = nil) throws -> Answer? {
        let answers = try windows(question, context, stride).map { window in
            try found(in: context, window, predictor.outputs(for: window), longest)
        }
        return Answer.best(of: answers.compactMap { $0 })
    }

    private func windows(_ question: String, _ context: String, _ stride: Int?) throws -> [Encoding] {
        let shown = predictor.settings.shown
        return try predictor.tokenizer.windows(
            question, pair: context, maxLength: shown.windowTokens, stride: stride ?? shown.sharedTokens)
    }

    private func found(in context: String, _ encoding: Encoding, _ outputs: Outputs, _ longest: Int?) throws -> Answer? {
        let (starts, ends) = (try outputs.values("start_logits"), try outputs.values("end_logits"))
        let most = longest ?? predictor.settings.shown.longestAnswer
        return try Answer.found(in: context, encoding, starts: starts, ends: ends, longest: most)
    }
}
