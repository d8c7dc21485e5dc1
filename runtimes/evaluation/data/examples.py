"""Encoding examples with the tokenizer, truncated to what the model takes."""

from collections.abc import Sequence
from dataclasses import dataclass

from tokenizers import Encoding, Tokenizer

from runtimes.errors import UsageError, in_our_words
from runtimes.parity.cases import Limits


@dataclass(frozen=True)
class Example:
    """One row's input. `first` is a text, or words where the problem labels each; `line` is where it stands.

    `answerable`: some answer is in the second text; not said of any row of a file in which one has none.
    """

    first: str | list[str]
    second: str | None
    line: int
    answerable: bool = True

    @property
    def excerpt(self) -> str:
        """What people recognise it by."""
        first = self.first if isinstance(self.first, str) else " ".join(self.first)
        whole = first if self.second is None else f"{first} | {self.second}"
        return f"{whole[:119]}…" if len(whole) > 120 else whole


@dataclass(frozen=True)
class Tokens:
    """What stays of an encoding: a tokenizer's own keeps all that it dropped, which may be a million times more."""

    tokens: tuple[str, ...]
    word_ids: tuple[int | None, ...]
    sequence_ids: tuple[int | None, ...]
    offsets: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, encoding: Encoding) -> "Tokens":
        """Take what decisions need."""
        numbers = (tuple(encoding.word_ids), tuple(encoding.sequence_ids))
        return cls(tuple(encoding.tokens), *numbers, tuple(encoding.offsets))


@dataclass(frozen=True)
class Encoded:
    """An example as the model reads it; `truncated`: something was dropped."""

    example: Example
    encoding: Tokens
    ids: tuple[int, ...]
    types: tuple[int, ...]
    truncated: bool = False


def encode_all(
    tokenizer: Tokenizer, examples: Sequence[Example], limits: Limits, only_second: bool = False
) -> list[Encoded]:
    """Tokenize and truncate as transformers does: the longer first, or the second alone. No padding.

    Raises UsageError for a first text that leaves the second no room.
    """
    own = Tokenizer.from_str(tokenizer.to_str())
    own.no_padding()
    strategy = "only_second" if only_second else "longest_first"
    own.enable_truncation(limits.positions, strategy=strategy, direction=limits.side)
    return [_encode(own, example, limits) for example in examples]


def _encode(tokenizer: Tokenizer, example: Example, limits: Limits) -> Encoded:
    words = isinstance(example.first, list)
    first = example.first if isinstance(example.first, list) else limits.prompt + example.first
    where = f"line {example.line}: does not fit {limits.positions} tokens"
    with in_our_words(lambda reason: UsageError(f"{where}: {reason}; leave the row out, or make its text shorter")):
        encoding = tokenizer.encode(first, example.second, is_pretokenized=words)
    highest = 0 if limits.types is None else limits.types - 1
    types = tuple(min(segment, highest) for segment in encoding.type_ids)
    return Encoded(example, Tokens.of(encoding), tuple(encoding.ids), types, bool(encoding.overflowing))
