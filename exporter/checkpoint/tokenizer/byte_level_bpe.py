"""Byte-level BPE (Radford et al. 2019), RoBERTa's tokenizer: pairs of bytes merged in the order of merges.txt."""

import json
from pathlib import Path

from tokenizers.models import BPE

from exporter.checkpoint.tokenizer.kind import TokenizerKind, TokenizerModel, Vocabulary
from runtimes.errors import CheckpointError, in_our_words

_VOCABULARY, _MERGES = "vocab.json", "merges.txt"


def _read(directory: Path) -> Vocabulary:
    with in_our_words(
        lambda why: CheckpointError(f"{directory}: {_VOCABULARY} and {_MERGES} are no byte-level BPE: {why}")
    ):
        vocabulary, merges = BPE.read_file(str(directory / _VOCABULARY), str(directory / _MERGES))
        BPE(vocabulary, merges)  # which a merge of what the vocabulary lacks does not survive
    found: dict[str, int] = vocabulary
    return found


def _write(model: TokenizerModel, _entries: Vocabulary) -> dict[str, bytes]:
    merges = (pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"])
    return {
        _VOCABULARY: json.dumps(model["vocab"], ensure_ascii=False).encode(),
        _MERGES: "".join(f"{line}\n" for line in ("#version: 0.2", *merges)).encode(),
    }


def _agrees(name: str, content: bytes, model: TokenizerModel) -> bool:
    if name != _VOCABULARY:
        return True
    try:
        return bool(json.loads(content) == model.get("vocab"))
    except (ValueError, RecursionError):  # no JSON: a tokenizer.json beside it was read instead
        return False


BYTE_LEVEL_BPE = TokenizerKind(
    model="BPE",
    title="byte-level BPE",
    fields=frozenset(("merges",)),
    files=(_VOCABULARY, _MERGES),
    special_tokens={
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "cls_token": "<s>",
        "mask_token": "<mask>",
    },
    read_files=_read,
    write_files=_write,
    agrees=_agrees,
)
