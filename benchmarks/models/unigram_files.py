"""Small Unigram tokenizers as XLM-RoBERTa, CamemBERT, ALBERT and DeBERTa have them, with a map of characters."""

import base64
import json
import struct
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from benchmarks.models.tokenizer_files import TEXTS

_RANGES = ((0xFB00, 0xFB07), (0x2460, 0x2469), (0xFF01, 0xFF5F))
_FOLDED = "\t\n\u3000\ufdfa" + "".join(chr(one) for bounds in _RANGES for one in range(*bounds))
CHARACTERS = {**{c: unicodedata.normalize("NFKC", c) for c in _FOLDED}, "\t": " ", "\n": " ", "\u00ad": ""}
"""What the small map puts in the place of a character: full-width letters, ligatures, circled numbers, white space."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Layout:
    """How a family numbers: special tokens before the entries and after them, and what it is called in transformers.

    `lowered`: accents and case go before the map of characters.
    """

    tokenizer_class: str
    first: tuple[str, ...]
    last: tuple[str, ...] = ()
    around: tuple[str, str] = ("<s>", "</s>")
    mask: str = "<mask>"
    pad: str = "<pad>"
    unknown: str = "<unk>"
    lowered: bool = False


LAYOUTS = {
    "xlm-roberta": Layout("XLMRobertaTokenizer", ("<s>", "<pad>", "</s>", "<unk>"), ("<mask>",)),
    "camembert": Layout(
        "CamembertTokenizer",
        ("<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"),
        ("<mask>",),
    ),
    "albert": Layout(
        "AlbertTokenizer",
        ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
        around=("[CLS]", "[SEP]"),
        mask="[MASK]",
        lowered=True,
    ),
    "deberta-v2": Layout(
        "DebertaV2Tokenizer",
        ("[PAD]", "[CLS]", "[SEP]", "[UNK]"),
        ("[MASK]",),
        around=("[CLS]", "[SEP]"),
        mask="[MASK]",
        pad="[PAD]",
        unknown="[UNK]",
    ),
}


def write_unigram(folder: Path, layout: str = "xlm-roberta", texts: Iterable[str] = TEXTS, size: int = 90) -> int:
    """Write tokenizer.json and tokenizer_config.json; return the number of entries, special tokens too.

    Each word of the texts is an entry, too: so few teach nothing but parts of words.
    """
    every, found = list(texts), LAYOUTS[layout]
    words = {f"▁{word}": -5.0 for text in every for word in text.split()}
    made = unigram(layout, {**words, **dict(trained(every, size))}.items())
    made.save(str(folder / "tokenizer.json"))
    roles = {"cls_token": found.around[0], "sep_token": found.around[1], "mask_token": found.mask}
    roles |= {
        "bos_token": found.around[0],
        "eos_token": found.around[1],
        "pad_token": found.pad,
        "unk_token": found.unknown,
    }
    settings = {"tokenizer_class": found.tokenizer_class, **roles}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return int(made.get_vocab_size())


def trained(texts: Iterable[str], size: int) -> list[tuple[str, float]]:
    """Entries with scores, trained on texts, among them every letter and the space."""
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = _parted()
    alphabet = [*_LETTERS, "▁"]
    made.train_from_iterator(
        iter(texts), trainers.UnigramTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
    )
    # the same each time: the trainer adds up in any order, and of equal scores too
    scores = {text: round(score, 3) for text, score in json.loads(made.to_str())["model"]["vocab"]}
    least = min(scores.values())
    scores |= {letter: least - 1 for letter in alphabet if letter not in scores}
    return sorted(scores.items(), key=lambda entry: (-entry[1], entry[0]))


def unigram(layout: str, entries: Iterable[tuple[str, float]]) -> Tokenizer:
    """A tokenizer of a family over entries that are no special tokens."""
    one = LAYOUTS[layout]
    specials = {*one.first, *one.last}
    plain = [entry for entry in entries if entry[0] not in specials]
    vocabulary = [*((text, 0.0) for text in one.first), *plain, *((text, 0.0) for text in one.last)]
    made = Tokenizer(models.Unigram(vocabulary, one.first.index(one.unknown), False))
    made.normalizer = _normalizer(one)
    made.pre_tokenizer, made.decoder = _parted(), decoders.Metaspace()
    made.add_special_tokens([AddedToken(text, normalized=False, special=True) for text in (*one.first, *one.last)])
    made.post_processor = _template(one, made)
    return made


def _normalizer(layout: Layout) -> Any:
    own = normalizers.Precompiled(characters_map(CHARACTERS))
    if not layout.lowered:
        return own
    quotes = [normalizers.Replace(quote, '"') for quote in ("``", "''")]
    return normalizers.Sequence([*quotes, normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), own])


def _parted() -> Any:
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])


def _template(layout: Layout, made: Tokenizer) -> Any:
    start, end = layout.around
    pair = f"{start} $A {end} $B:1 {end}:1" if start == "[CLS]" else f"{start} $A {end} {end} $B {end}"
    numbers = [(text, made.token_to_id(text)) for text in layout.around]
    return processors.TemplateProcessing(single=f"{start} $A {end}", pair=pair, special_tokens=numbers)


def characters_map(replaced: Mapping[str, str]) -> bytes:
    """A `precompiled_charsmap`: a double array with a block of 256 units for each node, and the texts behind it.

    See exporter/checkpoint/tokenizer/charsmap.py for the units.
    """
    texts, nodes, ends = b"", [{}], {}  # type: tuple[bytes, list[dict[int, int]], dict[int, int]]
    for key, text in replaced.items():
        node = 0
        for byte in key.encode():
            if byte not in nodes[node]:
                nodes[node][byte] = len(nodes)
                nodes.append({})
            node = nodes[node][byte]
        ends[node] = len(texts)
        texts += text.encode() + b"\0"
    units = [0] * 256 * (len(nodes) + 1)
    units[0] = 256 << 10
    for number, children in enumerate(nodes):
        base = 256 * (number + 1)
        for byte, child in children.items():
            units[base + byte] = ((base + byte) ^ 256 * (child + 1)) << 10 | (child in ends) << 8 | byte
    for node, start in ends.items():
        units[256 * (node + 1)] = 1 << 31 | start
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + texts


def encoded_map(replaced: Mapping[str, str]) -> str:
    """The same as tokenizer.json has it."""
    return base64.b64encode(characters_map(replaced)).decode()


def sentencepiece_model(entries: Iterable[tuple[str, float]], unknown: str = "<unk>") -> bytes:
    """A SentencePiece model of these entries, `unknown` first: what transformers converts where its package is."""
    typed = [(unknown, 0.0, 2), ("<s>", 0.0, 3), ("</s>", 0.0, 3), *((text, score, 1) for text, score in entries)]
    return b"".join(_field(1, _piece(*one)) for one in typed)


def _piece(text: str, score: float, kind: int) -> bytes:
    return _field(1, text.encode()) + b"\x15" + struct.pack("<f", score) + bytes((0x18, kind))


def _field(number: int, content: bytes) -> bytes:
    """A field of bytes, whose length has two bytes at most."""
    size = len(content)
    length = bytes((size,)) if size < 128 else bytes((size & 127 | 128, size >> 7))
    return bytes((number << 3 | 2,)) + length + content
