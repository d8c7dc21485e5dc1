"""A checkpoint's tokenizer as plain data: where it lies, and what transformers makes of it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from runtimes.runner import Array

Text = str | tuple[str, str]
"""One text, or a pair."""


@dataclass(frozen=True)
class TokenizerSource:
    """A checkpoint's folder, and what decides on the class of its tokenizer there.

    `model_type` and `config_class` are config.json's, `tokenizer_class` is tokenizer_config.json's.
    """

    directory: Path
    model_type: str
    config_class: str | None = None
    tokenizer_class: str | None = None


@dataclass(frozen=True)
class Encodings:
    """Token ids, type ids and offsets [N, 2] of texts, one after the other; text i ends before `ends[i]`.

    Type ids and offsets are empty where ids alone were asked for.
    """

    ends: Array
    ids: Array
    types: Array
    offsets: Array

    def row(self, number: int) -> "Row":
        """What one text became."""
        part = slice(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))
        return Row(self.ids[part].tolist(), self.types[part].tolist(), self.offsets[part].tolist())


@dataclass(frozen=True)
class Row:
    """Ids, type ids and offsets of one text."""

    ids: list[int]
    types: list[int]
    offsets: list[list[int]]


@dataclass(frozen=True)
class Spoken:
    """A tokenizer as transformers made it, and what it gives.

    `version` is that of transformers, `name` the class, `content` the backend as a tokenizer.json, `special` the
    special tokens by their roles. `texts` are encoded as a call of the tokenizer does, `entries` to ids alone.
    """

    version: str
    name: str
    content: str
    special: Mapping[str, str]
    texts: Encodings
    entries: Encodings


Ask = Callable[[Mapping[str, Array]], Mapping[str, Array]]
"""How a question reaches `runtimes.backends.pytorch.tokenizer.answer`: called here, or in another process."""


def ask_tokens(ask: Ask, source: TokenizerSource, texts: Sequence[Text] = (), entries: Sequence[str] = ()) -> Spoken:
    """What transformers makes of the tokenizer at `source`, and of texts."""
    asked = {"source": asdict(source) | {"directory": str(source.directory)}, "texts": texts, "entries": entries}
    found = ask({"asked": pack_json(asked)})
    whole, alone = ({name: found[f"{kind}.{name}"] for name in vars(NOTHING)} for kind in ("texts", "entries"))
    return Spoken(**unpack_json(found["told"]), texts=Encodings(**whole), entries=Encodings(**alone))


def encode(tokenizer: Tokenizer, texts: Sequence[Text]) -> Encodings:
    """Encode texts with their special tokens, untruncated and without padding."""
    found = tokenizer.encode_batch(list(texts))
    return encodings([one.ids for one in found], [one.type_ids for one in found], [one.offsets for one in found])


def encode_alone(tokenizer: Tokenizer, entries: Sequence[str]) -> Encodings:
    """Encode many short texts to ids alone."""
    return encodings([one.ids for one in tokenizer.encode_batch_fast(list(entries))])


def encodings(
    ids: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]] = (),
    offsets: Sequence[Sequence[tuple[int, int]]] = (),
) -> Encodings:
    """Gather what a tokenizer gives text by text."""
    ends: Array = np.cumsum(list(map(len, ids)), dtype=np.int64)
    pairs = _flat(chain.from_iterable(offsets))
    return Encodings(ends, _flat(ids), _flat(types), pairs.reshape(-1, 2))


def _flat(rows: Iterable[Iterable[int]]) -> Array:
    return np.fromiter(chain.from_iterable(rows), np.int64)


NOTHING = encodings([])


def pack_json(value: Any) -> Array:
    """A JSON value as bytes in an array, for a frame."""
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def unpack_json(array: Array) -> Any:
    """What `pack_json` was given."""
    return json.loads(array.tobytes())
