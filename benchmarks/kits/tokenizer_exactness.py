"""A kit's tokenizer against Hugging Face's, text by text: ids, type ids, mask and offsets; every Unicode scalar too.

    python -m benchmarks.kits.tokenizer_exactness --platform ios            # all of it, minutes
    python -m benchmarks.kits.tokenizer_exactness --platform ios --share 50 # every 50th
    python -m benchmarks.kits.tokenizer_exactness --platform ios --texts news # these anew: a speed

A platform (see PLATFORMS) reads settings, vocabulary and texts, and writes int32: of each text the number
of tokens, then ids, type ids, mask, starts and ends. It is compared bit for bit with what `tokenizers` gives here. The
scalars are asked with a vocabulary that has a token for each of them, so that none can hide in an unknown token.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import cycle, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizers import AddedToken, Encoding, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer

from benchmarks import ARTIFACTS
from benchmarks.kits.tokenizer_kits import Platform, build_android, build_swift, build_web
from benchmarks.kits.tokenizer_texts import (
    CODES,
    LONG_TOKEN,
    edges,
    is_scalar,
    long_texts,
    mark_texts,
    mixed_texts,
    pair_texts,
    scalar_texts,
)
from exporter.appkit.character_tables import ask_tokenizers
from exporter.appkit.wordpiece import read_wordpiece
from exporter.checkpoint.source import DEMO_DIRECTORY
from runtimes.measurement.measure import fingerprint

Texts = Sequence[str | list[str]]


@dataclass(frozen=True)
class Mode:
    """One tokenizer. `added`: with added tokens of every kind."""

    name: str
    lowercase: bool = True
    strip_accents: bool | None = None
    chinese: bool = True
    clean: bool = True
    added: bool = False
    truncation: dict[str, Any] = field(default_factory=dict)


MODES = (
    Mode("uncased"),
    Mode("cased", lowercase=False),
    Mode("uncased, accents kept", strip_accents=False),
    Mode("cased, accents stripped", lowercase=False, strip_accents=True),
    Mode("uncased, Chinese as it is", chinese=False),
    Mode("cased, Chinese as it is", lowercase=False, chinese=False),
    Mode("uncased, not cleaned", clean=False),
    Mode("uncased, added tokens", added=True),
    Mode("uncased, cut on the left", truncation={"direction": "left"}),
    Mode("uncased, only the second cut", truncation={"strategy": "only_second"}),
)
PAIR_LENGTHS, WINDOWS, NEWS_ROUNDS = (24, 51), ((16, 4), (24, 0), (51, 25)), 20
"""Most tokens; most tokens and how many of them windows share; how often the news come."""
ADDED = (
    AddedToken("[cap]", single_word=False, normalized=True),
    AddedToken("Word", single_word=True, normalized=True),
    AddedToken("new york", lstrip=True, normalized=False),
    AddedToken("new yorkers", rstrip=True, normalized=False),
    AddedToken("É!", lstrip=True, rstrip=True, single_word=True, normalized=False),
    AddedToken("the", single_word=True, normalized=False),
    AddedToken("北京", normalized=True),
    AddedToken(LONG_TOKEN, normalized=False),
)
BESIDE_ADDED = (
    "[CAP] [cap] x[Cap]y Word WORD wordy;new york; new yorkers ;É!;é!;  É!  ;the;the.;other;北京;new york new yorkers"
)
MIXTURES: dict[bool, list[list[str]]] = {False: [], True: [BESIDE_ADDED.split(";")]}
"""Whether a mode has added tokens → what stands in the texts in place of the usual special tokens."""


@dataclass(frozen=True)
class Step:
    """One set of texts in one mode, cut to `longest` tokens, or as windows of these that share `stride`.

    `pieces_of`: with tokens for each of these scalars.
    """

    mode: Mode
    name: str
    texts: Texts
    longest: int | None = None
    stride: int | None = None
    pieces_of: Sequence[int] = ()

    @property
    def limits(self) -> list[int]:
        """What a platform is told."""
        return [limit for limit in (self.longest, self.stride) if limit is not None]


@dataclass(frozen=True)
class Compared:
    """One set of texts in one mode; `first` is the first that differs, `host_load` the host's load average before."""

    mode: str
    texts: str
    count: int
    tokens: int
    mismatches: int
    load_s: float
    encode_s: float
    host_load: float
    first: str = ""


PLATFORMS: dict[str, Callable[[Path], Platform]] = {"ios": build_swift, "web": build_web, "android": build_android}


def reference(mode: Mode, vocabulary: dict[str, int]) -> Tokenizer:
    """The demo's tokenizer with this mode's settings and vocabulary."""
    tokenizer = Tokenizer.from_file(str(DEMO_DIRECTORY / "tokenizer.json"))
    tokenizer.model = WordPiece(vocabulary, unk_token="[UNK]")
    tokenizer.normalizer = BertNormalizer(mode.clean, mode.chinese, mode.strip_accents, mode.lowercase)
    if mode.added:
        tokenizer.add_tokens(list(ADDED))
    return tokenizer


def compare(platform: Platform, folder: Path, step: Step) -> Compared:
    """Run both sides over the texts and compare them bit for bit."""
    tokenizer = reference(step.mode, demo_pieces())
    if step.longest:
        windows = {} if step.stride is None else {"strategy": "only_second", "stride": step.stride}
        tokenizer.enable_truncation(step.longest, **step.mode.truncation | windows)
    settings, vocabulary = write_settings(folder, tokenizer)
    if step.pieces_of:
        pieces = scalar_pieces(step.pieces_of)
        tokenizer = reference(step.mode, pieces)
        vocabulary.write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
    asked, output = folder / "texts.json", folder / "output.bin"
    asked.write_text(json.dumps(step.texts), encoding="utf-8")
    load = os.getloadavg()[0]
    found = platform(settings, vocabulary, asked, output, step.limits)
    expected = [(text, row) for text in step.texts for row in encoded(tokenizer, text, step.stride is not None)]
    answers = rows(np.fromfile(output, "<i4"))
    pairs = zip_longest(expected, answers, fillvalue=("", None))
    wrong = [text for (text, row), answer in pairs if row is None or not np.array_equal(row, answer)]
    figures = len(step.texts), int(found["tokens"]), len(wrong), found["load_s"], found["encode_s"], load
    return Compared(step.mode.name, step.name, *figures, ascii(wrong[0])[:200] if wrong else "")


def news() -> list[str]:
    """The demo's test rows: what a speed is told of, since it is what an app has."""
    rows = (DEMO_DIRECTORY / "test_rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(row)["text"] for row in rows]


@cache
def demo_pieces() -> dict[str, int]:
    """The demo's vocabulary."""
    found: dict[str, int] = json.loads((DEMO_DIRECTORY / "tokenizer.json").read_bytes())["model"]["vocab"]
    return dict(sorted(found.items(), key=lambda item: item[1]))


@cache
def scalar_pieces(codes: Sequence[int]) -> dict[str, int]:
    """The demo's vocabulary with tokens for each of these scalars that can stand in a word, at its start and after."""
    scalars = [chr(code) for code in codes if code > 0x20 and is_scalar(code)]
    wanted = dict.fromkeys([*demo_pieces(), *scalars, *(f"##{scalar}" for scalar in scalars)])
    return {piece: number for number, piece in enumerate(wanted)}


def write_settings(folder: Path, tokenizer: Tokenizer) -> tuple[Path, Path]:
    """kit.json and vocab.txt as the exporter writes them for this tokenizer."""
    (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    wordpiece = read_wordpiece(folder)
    settings, vocabulary = folder / "kit.json", folder / "vocab.txt"
    settings.write_text(json.dumps({"tokenizer": wordpiece.settings()}), encoding="utf-8")
    vocabulary.write_bytes(wordpiece.vocabulary())
    return settings, vocabulary


def encoded(tokenizer: Tokenizer, text: str | list[str], windows: bool = False) -> "list[np.ndarray[Any, Any]]":
    """A text's row as `tokenizers` gives it, int32 [5 × tokens]; with `windows`, those of its overflow after it."""
    one = tokenizer.encode(text) if isinstance(text, str) else tokenizer.encode(*text)
    return [encoded_row(window) for window in (one, *(one.overflowing if windows else ()))]


def encoded_row(one: Encoding) -> "np.ndarray[Any, Any]":
    """Ids, type ids, mask, starts and ends."""
    offsets = np.array(one.offsets, "<i4").reshape(-1, 2)
    return np.concatenate(
        [np.array(part, "<i4") for part in (one.ids, one.type_ids, one.attention_mask)] + [*offsets.T]
    )


def rows(numbers: "np.ndarray[Any, Any]") -> "list[np.ndarray[Any, Any]]":
    """A platform's output, a row for each text."""
    found, at = [], 0
    while at < len(numbers):
        length = 5 * int(numbers[at])
        found.append(numbers[at + 1 : at + 1 + length])
        at += 1 + length
    return found


def plan(share: int) -> list[Step]:
    """Everything; or every scalar in the first mode, and of all else every `share`-th."""
    texts = _texts(share)
    work: list[Step] = []
    for number, mode in enumerate(MODES):
        codes = CODES[::share] if number else CODES
        work += _scalars(mode, codes)
        if number == 0:
            work.append(Step(mode, "news", news() * NEWS_ROUNDS))
        if not mode.truncation:
            work += [Step(mode, "marks", texts.marks), Step(mode, "mixed", texts.mixed[mode.added])]
        work += [_cut(mode, texts, longest) for longest in PAIR_LENGTHS]
        if number == 0 or mode.truncation:
            work += [_windows(mode, texts.pairs, *limits) for limits in WINDOWS]
    return work


def short_plan(share: int) -> list[Step]:
    """As `plan`, in minutes less: of scalars in the first mode those at which a table changes, the news once.

    A mode is given its texts at once, and one of the lengths, by turns: each step starts a platform's process anew.
    """
    texts, few = _texts(share), CODES[::share]
    first = tuple(sorted({*edges(ask_tokenizers()), *few}))
    lengths, windows = cycle(PAIR_LENGTHS), cycle(WINDOWS)
    work: list[Step] = []
    for number, mode in enumerate(MODES):
        work += _scalars(mode, few if number else first)
        if not mode.truncation:
            work.append(Step(mode, "mixed", [*texts.marks, *texts.mixed[mode.added], *([] if number else news())]))
        work.append(_cut(mode, texts, next(lengths)))
        if number == 0 or mode.truncation:
            work.append(_windows(mode, texts.pairs, *next(windows)))
    return work


@dataclass(frozen=True)
class _Texts:
    """What every mode is given; `mixed`, and of these `long` ones: by whether it has added tokens."""

    marks: list[str]
    mixed: dict[bool, list[str]]
    pairs: list[list[str]]
    long: dict[bool, Texts]


@cache
def _texts(share: int) -> _Texts:
    words = [piece for piece in demo_pieces() if piece.isalpha()]
    mixed = {kind: mixed_texts(10_000, words, *tokens)[::share] for kind, tokens in MIXTURES.items()}
    long = {kind: long_texts(texts, PAIR_LENGTHS) for kind, texts in mixed.items()}
    return _Texts(mark_texts(20_000)[::share], mixed, pair_texts(5_000, words)[::share], long)


def _scalars(mode: Mode, codes: Sequence[int]) -> list[Step]:
    if mode.added:
        return [Step(mode, "neighbours", scalar_texts(codes, "the{0} {0}the"))]
    return [] if mode.truncation else [Step(mode, "scalars", scalar_texts(codes), pieces_of=codes)]


def _cut(mode: Mode, texts: _Texts, longest: int) -> Step:
    every: Texts = [*texts.pairs, *texts.long[mode.added]]
    pairs = [text for text in every if isinstance(text, list)]
    cut = cuttable(mode, pairs, longest) if "strategy" in mode.truncation else every
    return Step(mode, f"pairs and long texts cut to {longest}", cut, longest)


def _windows(mode: Mode, pairs: list[list[str]], longest: int, stride: int) -> Step:
    cut = cuttable(mode, pairs, longest - stride)
    return Step(mode, f"windows of {longest} that share {stride}", cut, longest, stride)


def cuttable(mode: Mode, pairs: Sequence[list[str]], longest: int) -> list[list[str]]:
    """The pairs whose second text alone can be cut; `tokenizers` raises for others."""
    tokenizer = reference(mode, demo_pieces())
    sizes = [[len(tokenizer.encode(text, add_special_tokens=False)) for text in pair] for pair in pairs]
    return [pair for pair, (first, _) in zip(pairs, sizes, strict=True) if first + 3 < longest]


def main() -> int:
    """Compare, write the record of this platform, and return 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=PLATFORMS, required=True)
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every scalar once, of all else every N-th")
    parser.add_argument(
        "--texts", default="", metavar="NAME", help="only those whose name starts so; others stay recorded"
    )
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACTS / "tokenizer_exactness.json")
    parsed = parser.parse_args()
    done: list[Compared] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        platform = PLATFORMS[parsed.platform](folder)
        for step in (step for step in plan(parsed.share) if step.name.startswith(parsed.texts)):
            done.append(compare(platform, folder, step))
            print(asdict(done[-1]), file=sys.stderr)
    records = json.loads(parsed.output.read_text(encoding="utf-8")) if parsed.output.is_file() else {}
    kept = records.get(parsed.platform, {"compared": []}) if parsed.texts else {"compared": []}
    kept["compared"] = [one for one in kept["compared"] if not one["texts"].startswith(parsed.texts)]
    records[parsed.platform] = {"share": parsed.share, "tokenizers": tokenizers.__version__, "host": fingerprint()} | {
        "compared": kept["compared"] + [asdict(one) for one in done]
    }
    parsed.output.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return int(any(one.mismatches for one in done))


if __name__ == "__main__":
    sys.exit(main())
