"""transformers' own tokenizer of a checkpoint: its files, and the ids that it gives.

Imports transformers, and no torch by itself.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import transformers
from transformers.models.auto.tokenization_auto import tokenizer_class_from_name

from runtimes.backends.pytorch.own_configs import config_for
from runtimes.backends.pytorch.tokenizer_source import (
    Encodings,
    Text,
    TokenizerSource,
    encode_alone,
    encodings,
    pack_json,
    unpack_json,
)
from runtimes.errors import CheckpointError, UnsupportedError, in_our_words
from runtimes.runner import Array

_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
_FIELDS = ("input_ids", "token_type_ids", "offset_mapping")
_CONVERT = (
    "build the same with the tokenizers library, compare its ids, and save it there with "
    "PreTrainedTokenizerFast(tokenizer_object=…).save_pretrained"
)


class TransformersTokenizer:
    """AutoTokenizer's result for a folder: no code of the checkpoint is run, and nothing is fetched.

    Raises UnsupportedError for a class that is unknown or has no `tokenizers` backend, CheckpointError for a folder
    that transformers cannot read.
    """

    def __init__(self, source: TokenizerSource) -> None:
        transformers.utils.logging.set_verbosity_error()
        self._tokenizer = _open(source)

    def describe(self) -> dict[str, Any]:
        """The fields of `Spoken` that are no encodings."""
        made = self._tokenizer
        roles = {role: getattr(made, role, None) for role in _ROLES}
        return {
            "version": transformers.__version__,
            "name": type(made).__name__,
            "content": made.backend_tokenizer.to_str(),
            "special": {role: str(token) for role, token in roles.items() if token is not None},
        }

    def encode(self, texts: Sequence[Text]) -> Encodings:
        """Call the tokenizer as a user does, with its defaults: what its file says of truncation does not apply."""
        pairs = [text for text in texts if isinstance(text, tuple)]
        alone = self._call([text for text in texts if isinstance(text, str)])
        both = self._call([first for first, _ in pairs], [second for _, second in pairs])
        rows = [next(both if isinstance(text, tuple) else alone) for text in texts]
        ids, types, offsets = zip(*rows, strict=True) if rows else ((), (), ())
        return encodings(ids, types, offsets)

    def encode_alone(self, entries: Sequence[str]) -> Encodings:
        """Encode many short texts: a call would take twice as long for the same ids."""
        backend = self._tokenizer.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        return encode_alone(backend, entries)

    def _call(self, *columns: list[str]) -> Any:
        """Ids, type ids and offsets of each row."""
        if not columns[0]:
            return iter(())
        found = self._tokenizer(*columns, return_token_type_ids=True, return_offsets_mapping=True)
        return zip(*(found[field] for field in _FIELDS), strict=True)


def _open(source: TokenizerSource) -> Any:
    name = source.tokenizer_class or source.config_class
    _check_known(source.directory, name)
    # not config.json itself: what it says of the model has no say in the tokenizer
    config = config_for(source.model_type)
    config.tokenizer_class = source.config_class
    with _config_unread(), in_our_words(partial(_refused, source.directory, name)):
        made = transformers.AutoTokenizer.from_pretrained(
            source.directory, config=config, use_fast=True, trust_remote_code=False, local_files_only=True
        )
    if not getattr(made, "is_fast", False):
        raise _python_alone(source.directory, type(made).__name__)
    return made


def _check_known(directory: Path, name: str | None) -> None:
    """transformers 5 takes a class that it does not know for tokenizer.json as it stands; 4 refuses it.

    The base classes of what runs in Python stand for tokenizer.json in 5.
    """
    if not name or name in ("PreTrainedTokenizer", "PythonBackend"):
        return
    names = (name, f"{name}Fast", name.removesuffix("Fast"))
    found = [one for one in map(tokenizer_class_from_name, names) if one is not None]
    if not found:
        version = transformers.__version__
        raise UnsupportedError(
            f"{directory}: tokenizer_class {name[:40]}, expected one that transformers {version} has; {_CONVERT}"
        )
    if not any(issubclass(one, transformers.PreTrainedTokenizerFast) for one in found):
        raise _python_alone(directory, name)


def _python_alone(directory: Path, name: str) -> UnsupportedError:
    return UnsupportedError(
        f"{directory}: tokenizer_class {name} runs in Python alone, expected one that gives the tokenizer.json that "
        f"apps run; {_CONVERT}"
    )


def _refused(directory: Path, name: str | None, reason: str) -> CheckpointError:
    called = f"tokenizer_class {name}" if name else "the tokenizer"
    return CheckpointError(
        f"{directory}: transformers {transformers.__version__} cannot read {called} ({reason}); "
        "put a tokenizer there that AutoTokenizer reads, as save_pretrained writes it"
    )


def _config_unread() -> AbstractContextManager[object]:
    """Of 100,000 tokens on transformers (4.57 and later) reads config.json itself, for a Mistral model's old mistake.

    It takes UTF-8 and a text for a version alone. Its answer is known: none of our families is Mistral's.
    """
    same = staticmethod(lambda tokenizer, *_, **__: tokenizer)
    return mock.patch.object(transformers.PreTrainedTokenizerFast, "_patch_mistral_regex", same, create=True)


class Answerer:
    """Answers questions of `ask_tokens`; what one of them opened stays open for the next."""

    def __init__(self) -> None:
        self._opened: dict[TokenizerSource, TransformersTokenizer] = {}

    def __call__(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """The description of the tokenizer asked for, and the encodings of its texts."""
        asked = unpack_json(question["asked"])
        source = TokenizerSource(**{**asked["source"], "directory": Path(asked["source"]["directory"])})
        if source not in self._opened:
            self._opened[source] = TransformersTokenizer(source)
        made = self._opened[source]
        told = pack_json(made.describe())  # first: encoding drops what its file says of truncation and padding
        texts = [text if isinstance(text, str) else (text[0], text[1]) for text in asked["texts"]]
        found = {"texts": made.encode(texts), "entries": made.encode_alone(asked["entries"])}
        rows = {f"{kind}.{name}": values for kind, one in found.items() for name, values in vars(one).items()}
        return {"told": told, **rows}
