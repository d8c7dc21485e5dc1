package dev.bertport.bertkit

/** All that can go wrong, with what was expected and what was found. */
sealed class KitError(message: String) : Exception(message) {
    /** vocab.txt is not what bertport wrote. */
    class InvalidVocabulary(found: String) : KitError("vocab.txt: expected each piece once, in UTF-8; $found")

    /** kit.json is not what bertport wrote. */
    class InvalidSettings(found: String) : KitError("kit.json: expected what bertport writes; $found")

    class MissingFile(name: String) : KitError("$name: not among the kit's files")

    /** The model could not be written where it is opened from. */
    class Storage(name: String, reason: String) : KitError("$name could not be copied to the device's storage: $reason")

    /** It was asked after `close()`. */
    class Closed : KitError("the model was closed; open another")

    /** The strategy allows to cut one text only, and that does not suffice. */
    class CannotTruncate(text: String, tokens: Int, by: Int) :
        KitError("$text has $tokens tokens and $by would have to go; cut the other text")

    /** The model reads two texts, and was given one; or one, and was given two. */
    class WrongTexts(reads: Int) : KitError(
        if (reads == 2) "the model reads two texts; pass the second as pair"
        else "the model reads one text, and was compared with PyTorch so; export it with --pairs to pass two",
    )

    /** A length that does not even hold the special tokens. */
    class LengthTooShort(length: Int, special: Int) :
        KitError("a length of $length does not hold $special special tokens")

    /** Windows cannot share fewer tokens than none. */
    class InvalidStride(stride: Int) : KitError("a stride of $stride; expected 0 or more tokens")

    /** The model's answer lacks an output, or has it in another shape. */
    class UnexpectedOutput(name: String) : KitError("the model gave no $name of the expected shape")

    /** A model of fixed lengths takes no more than its longest. */
    class TooManyTokens(tokens: Int, longest: Int) :
        KitError("$tokens tokens, and the model takes $longest at most; truncate the text")

    /** What runs the model, `library`, could not load or run it. */
    class Runtime(library: String, reason: String) : KitError("$library: $reason")
}
