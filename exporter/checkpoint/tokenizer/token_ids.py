"""Encode many texts to token ids in batches, for an encoding takes a hundred times the memory of its text."""

from collections.abc import Iterator, Sequence

from tokenizers import Tokenizer

_BATCH_CHARACTERS, _BATCH_TEXTS = 1_000_000, 256


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], special: bool = True) -> Iterator[list[int]]:
    """The ids of each text, in order, without offsets; `special`: with special tokens around."""
    for batch in _batches(texts):
        yield from (encoding.ids for encoding in tokenizer.encode_batch_fast(batch, add_special_tokens=special))


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        batch.append(text)
        if len(batch) == _BATCH_TEXTS or sum(map(len, batch)) > _BATCH_CHARACTERS:
            yield batch
            batch = []
    yield batch
