"""WordPiece (Schuster & Nakajima 2012), BERT's tokenizer: each token is the longest entry of vocab.txt that fits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers.models import WordPiece

from exporter.checkpoint.tokenizer.kind import TokenizerKind, TokenizerModel, Trimming, Vocabulary
from runtimes.errors import CheckpointError, in_our_words

_FILE = "vocab.txt"


def _read(directory: Path) -> Vocabulary:
    """The entries of a vocab.txt; of one that is there twice the last line counts, as in transformers."""
    path = directory / _FILE
    with in_our_words(lambda why: CheckpointError(f"{path}: not a WordPiece vocabulary, one token a line: {why}")):
        found: dict[str, int] = WordPiece.read_file(str(path))
    return found


def _write(model: TokenizerModel, entries: Vocabulary) -> dict[str, bytes]:
    return {_FILE: vocabulary_lines({**entries, **model["vocab"]})}


def vocabulary_lines(entries: Vocabulary) -> bytes:
    """vocab.txt: each entry on the line of its id, an empty line where an id has none."""
    by_id = {number: entry for entry, number in entries.items() if "\n" not in entry}
    return "".join(f"{by_id.get(number, '')}\n" for number in range(max(by_id, default=-1) + 1)).encode()


def _agrees(_name: str, content: bytes, model: TokenizerModel) -> bool:
    lines, vocabulary = content.decode(errors="replace").split("\n"), model["vocab"]
    return isinstance(vocabulary, dict) and all(
        number < len(lines) and lines[number].rstrip() == entry.rstrip() for entry, number in vocabulary.items()
    )


def _needed(model: TokenizerModel) -> set[int]:
    """Characters, at the start of a word and inside of one, and the entry for the unknown."""
    prefix = model.get("continuing_subword_prefix", "##")
    found = {number for entry, number in model["vocab"].items() if len(entry.removeprefix(prefix)) == 1}
    unknown = model["vocab"].get(model.get("unk_token"))
    return found if unknown is None else {*found, unknown}


def _kept(model: TokenizerModel, number: Mapping[int, int]) -> dict[str, Any]:
    """The longest entry that fits is still there, and was the longest before."""
    vocabulary = {entry: number[old] for entry, old in model["vocab"].items() if old in number}
    return {**model, "vocab": vocabulary}


WORDPIECE = TokenizerKind(
    model="WordPiece",
    title="WordPiece",
    fields=frozenset(("continuing_subword_prefix", "max_input_chars_per_word")),
    file_sets=((_FILE,),),
    special_tokens={
        "unk_token": "[UNK]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
    },
    read_files=_read,
    write_files=_write,
    agrees=_agrees,
    classes=frozenset(
        f"{name}Tokenizer{kind}" for name in ("Bert", "DistilBert", "Electra", "MobileBert") for kind in ("", "Fast")
    ),
    trimming=Trimming(_needed, lambda _model: lambda _number: set(), _kept),
    kit_parts={
        "model": ("WordPiece",),
        "normalizer": ("BertNormalizer", None),
        "pre_tokenizer": ("BertPreTokenizer",),
        "post_processor": ("TemplateProcessing", "BertProcessing", None),
    },
)
