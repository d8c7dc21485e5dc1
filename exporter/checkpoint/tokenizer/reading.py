"""Read a checkpoint's tokenizer, as transformers' AutoTokenizer makes it of the folder.

transformers decides what a folder's tokenizer is, each version in its own way: a class may take tokenizer.json as it
stands or build it anew from tokenizer_config.json, and tokens are added from four files. So none of this is written
down here a second time. BERT's usual files, of which every version makes the same, are read without transformers
(exporter.checkpoint.tokenizer.standard_bert), for its import takes a second; all else it reads itself, in a subprocess
(runtimes.backends.pytorch.tokenizer_subprocess), and what it makes is what the bundle ships. Whichever way: each
parity run compares the ids with AutoTokenizer's (exporter.verification.tokenizer_parity).
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, parse_json, refuse_code
from exporter.checkpoint.tokenizer.files import bundled_files
from exporter.checkpoint.tokenizer.kind import TokenizerKind
from exporter.checkpoint.tokenizer.kinds import (
    ADDED,
    FILE_SETS,
    SETTINGS,
    SPECIAL,
    VOCABULARIES,
    WHOLE,
    find_kind,
    kind_of_files,
)
from exporter.checkpoint.tokenizer.limits import check_document, probe
from exporter.checkpoint.tokenizer.settings import ID_PARTS, differing, parts_of
from exporter.checkpoint.tokenizer.standard_bert import ROLES, from_vocabulary, is_as_built, is_plain
from exporter.checkpoint.tokenizer.wordpiece import WORDPIECE
from runtimes.backends.pytorch.tokenizer_source import TokenizerSource
from runtimes.backends.pytorch.tokenizer_subprocess import open_in_subprocess
from runtimes.errors import CheckpointError, UnsupportedError, in_our_words
from runtimes.files.bounded_read import read_bounded

FILES = (WHOLE, SETTINGS, SPECIAL, *VOCABULARIES)
"""Read and carried along; `ADDED` is read alone, for tokenizer.json has what it says."""
_SHOWN = 3
TABLE_PADDING = 128
"""`resize_token_embeddings(pad_to_multiple_of=…)` leaves up to this many rows without an entry."""


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer ready to use, and the files that go with the model: name → bytes.

    `source` is what AutoTokenizer reads; None for one that was trimmed, which no checkpoint has. `notes` say
    where it is not what tokenizer.json says by itself, and what is unusual of it.
    """

    tokenizer: Tokenizer
    files: Mapping[str, bytes]
    mask_token: str = "[MASK]"  # noqa: S105 - of text
    source: TokenizerSource | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """One more than the largest id."""
        return _size(self.tokenizer.get_vocab(with_added_tokens=True))


@dataclass(frozen=True)
class Reader:
    """The model that a tokenizer is for: transformers' class for it, what it reads, and the rows of its table.

    `model_type` and `config_class` (tokenizer_class) are config.json's.
    """

    tokenizer_class: str
    inputs: tuple[str, ...]
    vocabulary: int
    model_type: str = "bert"
    config_class: str | None = None


@dataclass(frozen=True)
class _Found:
    """What lies in a folder: bytes by name, and the two files of settings, read."""

    directory: Path
    files: Mapping[str, bytes]
    settings: Mapping[str, Any]
    special: Mapping[str, Any]


def read_tokenizer(directory: Path, reader: Reader) -> TokenizerFiles:
    """Read the tokenizer in `directory`.

    Raises CheckpointError when it is missing, damaged, or has larger ids than the table has rows, UnsupportedError
    for a class that transformers lacks or that runs in Python alone.
    """
    found = _find(directory)
    source = _source(found, reader)
    own = _own(found, reader.vocabulary)  # where there is none: what is damaged or too large is refused all the same
    plain = _plain(found, reader, own)
    whole, special = (plain, dict(ROLES)) if plain is not None else _from_transformers(source, reader.vocabulary)
    tokenizer = _bare(directory / WHOLE, whole)
    _check_size(directory, tokenizer.get_vocab(with_added_tokens=True), reader.vocabulary)
    probe(directory, tokenizer)
    carried = {name: content for name, content in found.files.items() if name != ADDED}
    document = json.loads(whole.to_str())
    files = bundled_files(whole, carried, {**_completion(document, reader), **found.settings}, special)
    kind, notes = find_kind(document["model"]), (*_departs(own, whole), *_unused(tokenizer, reader))
    mask = special.get("mask_token", (kind or WORDPIECE).special_tokens["mask_token"])
    return TokenizerFiles(tokenizer, files, mask, source, notes)


def _departs(own: Tokenizer | None, used: Tokenizer) -> Iterator[str]:
    """What AutoTokenizer makes of all files may not be what tokenizer.json says by itself."""
    if own is not None and own is not used:
        expected, found = ({part: one[part] for part in ID_PARTS} for one in map(parts_of, (used, own)))
        if different := [str(one) for one in differing(expected, found)][:_SHOWN]:
            yield (
                "the tokenizer is AutoTokenizer's, which is not what tokenizer.json says by itself: "
                f"{'; '.join(different)} there"
            )


def _unused(tokenizer: Tokenizer, reader: Reader) -> Iterator[str]:
    """A table may have more rows than padding explains; transformers uses it as it is."""
    table, size = reader.vocabulary, _size(tokenizer.get_vocab(with_added_tokens=True))
    if table - size >= TABLE_PADDING:
        yield (
            f"warning: the embedding table has {table:,} rows and the tokenizer {size:,} entries; the rows beyond "
            "are exported too, and no text reaches them: is this the tokenizer that the model was trained with?"
        )


def _find(directory: Path) -> _Found:
    files = {name: _content(directory / name) for name in (*FILES, ADDED) if (directory / name).is_file()}
    settings, special, _ = (_object(directory / name, files) for name in (SETTINGS, SPECIAL, ADDED))
    refuse_code(directory / SETTINGS, settings)
    if settings.get("split_special_tokens"):
        raise UnsupportedError(
            f"{directory / SETTINGS}: split_special_tokens, which no tokenizer.json can say, so that apps would find "
            "special tokens in a text all the same; remove it, or the tokens from the added ones"
        )
    if WHOLE not in files and kind_of_files(files) is None:
        expected = ", or ".join((WHOLE, *(" with ".join(names) for names in FILE_SETS)))
        raise CheckpointError(
            f"{directory}: no tokenizer; expected {expected} beside config.json: "
            "AutoTokenizer.from_pretrained(…).save_pretrained(…) writes them"
        )
    return _Found(directory, files, settings, special)


def _object(path: Path, files: Mapping[str, bytes]) -> dict[str, Any]:
    content = parse_json(path, files.get(path.name, b"{}"))
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: expected an object, found {type(content).__name__}; correct it")
    return content


def _source(found: _Found, reader: Reader) -> TokenizerSource:
    name = found.settings.get("tokenizer_class")
    if name is not None and not isinstance(name, str):
        raise CheckpointError(
            f"{found.directory / SETTINGS}: tokenizer_class {str(name)[:40]}, expected a text; correct it"
        )
    return TokenizerSource(found.directory, reader.model_type, reader.config_class, name)


def _plain(found: _Found, reader: Reader, own: Tokenizer | None) -> Tokenizer | None:
    """The tokenizer where no transformers is needed to know it; `own` is tokenizer.json's."""
    usual = reader.config_class or reader.tokenizer_class
    if not is_plain(found.settings, found.special, usual) or ADDED in found.files:
        return None
    if own is not None:
        return own if is_as_built(own, found.settings) else None
    if kind_of_files(found.files) is WORDPIECE:
        return from_vocabulary(WORDPIECE.read_files(found.directory), found.settings)
    return None


def _own(found: _Found, table: int) -> Tokenizer | None:
    """tokenizer.json, or None where there is none and the files that it is made of can be read."""
    if WHOLE in found.files:
        own = read_whole(found.directory / WHOLE, found.files[WHOLE])
        _check_size(found.directory, own.get_vocab(with_added_tokens=True), table)
        probe(found.directory, _bare(found.directory / WHOLE, own))
        return own
    if kind := kind_of_files(found.files):
        _check_size(found.directory, kind.read_files(found.directory), table)
        _check_packages(found.directory, kind)
    return None


def _check_packages(directory: Path, kind: TokenizerKind) -> None:
    """transformers without a package that it needs ends in an error about another one."""
    lacking = [name for name in kind.packages if find_spec(name) is None]
    if lacking:
        raise UnsupportedError(
            f"{directory}: a {kind.title} tokenizer without {WHOLE}, which transformers makes with the package "
            f"{lacking[0]}: pip install {lacking[0]}, or where it is installed "
            f"AutoTokenizer.from_pretrained(…).save_pretrained(…), which writes {WHOLE}"
        )


def _from_transformers(source: TokenizerSource, table: int) -> tuple[Tokenizer, dict[str, str]]:
    """The tokenizer as transformers makes it, and its special tokens by their roles.

    Without those that transformers alone adds, for a role that the files fill with nothing, beyond the table: the model
    has no row for them, and a text that holds them would be an error.
    """
    made = open_in_subprocess(source)
    document = json.loads(made.content)
    beyond = {one["content"] for one in document["added_tokens"] if one["id"] >= table} & {*made.special.values()}
    document["added_tokens"] = [one for one in document["added_tokens"] if one["content"] not in beyond]
    return _parse(source.directory, json.dumps(document).encode()), dict(made.special)


def _completion(document: Mapping[str, Any], reader: Reader) -> dict[str, Any]:
    """What tokenizer_config.json should say where the checkpoint's is silent; `document` is tokenizer.json."""
    normalizer = document["normalizer"] or {}
    lowered = {"do_lower_case": normalizer["lowercase"]} if normalizer.get("type") == "BertNormalizer" else {}
    name = reader.config_class or reader.tokenizer_class
    return {"tokenizer_class": name, "model_input_names": list(reader.inputs), **lowered}


def _content(path: Path) -> bytes:
    return read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError)


def open_tokenizer(path: Path) -> Tokenizer:
    """Read a tokenizer.json by itself, such as a bundle's own. Raises CheckpointError."""
    try:
        tokenizer = _bare(path, read_whole(path, _content(path)))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror}); export again") from error
    probe(path.parent, tokenizer)
    return tokenizer


def read_whole(path: Path, content: bytes) -> Tokenizer:
    """A tokenizer.json with what it says of truncation and padding. Raises CheckpointError that names `path`."""
    check_document(path, content)
    return _parse(path, content)


def _parse(path: Path, content: bytes) -> Tokenizer:
    with in_our_words(lambda why: CheckpointError(f"{path}: cannot be read: {why}; save the tokenizer again")):
        return Tokenizer.from_str(content.decode("utf-8"))


def _bare(path: Path, tokenizer: Tokenizer) -> Tokenizer:
    """One that each reader pads and truncates as it needs: a file's own padding may be of any size."""
    made = _parse(path, tokenizer.to_str().encode())
    made.no_padding()
    made.no_truncation()
    return made


def _size(vocabulary: Mapping[str, int]) -> int:
    """One more than the largest id."""
    return max(vocabulary.values(), default=-1) + 1


def _check_size(directory: Path, vocabulary: Mapping[str, int], table: int) -> None:
    size = _size(vocabulary)
    if size > table:
        raise CheckpointError(
            f"{directory}: the tokenizer has {size:,} entries and the embedding table {table:,} rows; call "
            "model.resize_token_embeddings(len(tokenizer)), train and save again, or put the tokenizer that the model "
            "was trained with beside it"
        )
