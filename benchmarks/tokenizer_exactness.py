"""A kit's tokenizer against Hugging Face's, text by text: ids, type ids, mask and offsets; every Unicode scalar too.

    python benchmarks/tokenizer_exactness.py --platform ios            # all of it, minutes
    python benchmarks/tokenizer_exactness.py --platform ios --share 50 # every 50th

A platform (see PLATFORMS) reads settings, vocabulary and texts, and writes int32: of each text the number
of tokens, then ids, type ids, mask, starts and ends. It is compared bit for bit with what `tokenizers` gives here. The
scalars are asked with a vocabulary that has a piece for each of them, so that none can hide in an unknown token.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tokenizers
from tokenizer_kits import build_android, build_web
from tokenizer_texts import mark_texts, mixed_texts, pair_texts, scalar_texts
from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer

from exporter.appkit.wordpiece import read_wordpiece
from exporter.source import DEMO_DIRECTORY
from runtimes.measure import fingerprint

ROOT = Path(__file__).parent.parent
Texts = Sequence[str | list[str]]
Platform = Callable[[Path, Path, Path, Path, int | None], dict[str, float]]
"""Settings, vocabulary, texts, where to write, most tokens → seconds to load and to encode, and tokens."""


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
PAIR_LENGTHS, NEWS_ROUNDS = (24, 51), 20
ADDED = (
    AddedToken("[cap]", single_word=False, normalized=True),
    AddedToken("Word", single_word=True, normalized=True),
    AddedToken("new york", lstrip=True, normalized=False),
    AddedToken("new yorkers", rstrip=True, normalized=False),
    AddedToken("É!", lstrip=True, rstrip=True, single_word=True, normalized=False),
    AddedToken("the", single_word=True, normalized=False),
    AddedToken("北京", normalized=True),
)
BESIDE_ADDED = (
    "[CAP] [cap] x[Cap]y Word WORD wordy;new york; new yorkers ;É!;é!;  É!  ;the;the.;other;北京;new york new yorkers"
)
MIXTURES: dict[bool, list[list[str]]] = {False: [], True: [BESIDE_ADDED.split(";")]}
"""Whether a mode has added tokens → what stands in the texts in place of the usual special tokens."""


@dataclass(frozen=True)
class Step:
    """One set of texts in one mode, cut to `longest` tokens. `pieces_of`: with pieces for each n-th scalar."""

    mode: Mode
    name: str
    texts: Texts
    longest: int | None = None
    pieces_of: int | None = None


@dataclass(frozen=True)
class Compared:
    """One set of texts in one mode; `first` is the first text that differs."""

    mode: str
    texts: str
    count: int
    tokens: int
    mismatches: int
    load_s: float
    encode_s: float
    first: str = ""


def swift(harness: Path) -> Platform:
    """The harness of the Swift kit, built in release; `harness` is the folder that holds it and the kit."""

    def run(settings: Path, vocabulary: Path, texts: Path, output: Path, longest: int | None) -> dict[str, float]:
        inside = [f"/work/{path.relative_to(harness)}" for path in (settings, vocabulary, texts, output)]
        command = [str(ROOT / ".ci" / "swift-toolchain"), "run", str(harness), "/work/harness/.build/release/tokenize"]
        done = subprocess.run(
            [*command, *inside, *([str(longest)] if longest else [])], check=True, capture_output=True, text=True
        )
        found: dict[str, float] = json.loads(done.stdout)
        return found

    return run


def build_swift(folder: Path) -> Platform:
    """Make a kit of the demo and build it with the harness. Seconds of build are the compiler's."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "exporter",
            "demo",
            "--target",
            "coreml",
            "--quantize",
            "int8",
            "-o",
            str(folder / "bundle"),
        ],
        check=True,
        cwd=ROOT,
        capture_output=True,
    )
    kit = ["app-kit", str(folder / "bundle"), "--platform", "ios", "-o", str(folder / "TestedKit")]
    subprocess.run([sys.executable, "-c", f"from exporter.cli import main; main({kit!r})"], check=True, cwd=ROOT)
    source = ROOT / "tests" / "exporter" / "appkit" / "swift_harness"
    subprocess.run(["cp", "-r", str(source), str(folder / "harness")], check=True)
    build = [str(ROOT / ".ci" / "swift-toolchain"), "run", str(folder), "swift", "build", "-c", "release"]
    subprocess.run([*build, "--package-path", "/work/harness"], check=True)
    return swift(folder)


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
        tokenizer.enable_truncation(step.longest, **step.mode.truncation)
    settings, vocabulary = write_settings(folder, tokenizer)
    if step.pieces_of:
        pieces = scalar_pieces(step.pieces_of)
        tokenizer = reference(step.mode, pieces)
        vocabulary.write_bytes("".join(f"{piece}\n" for piece in pieces).encode())
    asked, output = folder / "texts.json", folder / "output.bin"
    asked.write_text(json.dumps(step.texts), encoding="utf-8")
    found = platform(settings, vocabulary, asked, output, step.longest)
    expected = [encoded(tokenizer, text) for text in step.texts]
    answers = rows(np.fromfile(output, "<i4"))
    wrong = [at for at, row in enumerate(expected) if at >= len(answers) or not np.array_equal(row, answers[at])]
    first = ascii(step.texts[wrong[0]])[:200] if wrong else ""
    times = found["load_s"], found["encode_s"]
    return Compared(step.mode.name, step.name, len(step.texts), int(found["tokens"]), len(wrong), *times, first)


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
def scalar_pieces(every: int) -> dict[str, int]:
    """The demo's vocabulary with pieces for each `every`-th scalar that can stand in a word, at its start and after."""
    scalars = [chr(code) for code in range(0, 0x110000, every) if code > 0x20 and not 0xD800 <= code < 0xE000]
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


def encoded(tokenizer: Tokenizer, text: str | list[str]) -> "np.ndarray[Any, Any]":
    """One text's row as `tokenizers` gives it: int32 [5 × tokens]."""
    one = tokenizer.encode(text) if isinstance(text, str) else tokenizer.encode(*text)
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
    words = [piece for piece in demo_pieces() if piece.isalpha()]
    marks, pairs = mark_texts(20_000)[::share], pair_texts(5_000, words)[::share]
    mixed = {kind: mixed_texts(10_000, words, *tokens)[::share] for kind, tokens in MIXTURES.items()}
    work: list[Step] = []
    for number, mode in enumerate(MODES):
        every = share if number else 1
        if mode.added:
            work.append(Step(mode, "neighbours", scalar_texts(every, "the{0} {0}the")))
        elif not mode.truncation:
            work.append(Step(mode, "scalars", scalar_texts(every), pieces_of=every))
        if number == 0:
            work.append(Step(mode, "news", news() * NEWS_ROUNDS))
        if not mode.truncation:
            work += [Step(mode, "marks", marks), Step(mode, "mixed", mixed[mode.added])]
        work += [Step(mode, f"pairs cut to {n}", cuttable(mode, pairs, n), n) for n in PAIR_LENGTHS]
    return work


def cuttable(mode: Mode, pairs: Sequence[list[str]], longest: int) -> list[str | list[str]]:
    """The pairs that the mode's strategy can cut; `tokenizers` raises for others, and so do the kits."""
    if "strategy" not in mode.truncation:
        return list(pairs)
    tokenizer = reference(mode, demo_pieces())
    sizes = [[len(tokenizer.encode(text, add_special_tokens=False)) for text in pair] for pair in pairs]
    return [pair for pair, (first, _) in zip(pairs, sizes, strict=True) if first + 3 < longest]


def main() -> int:
    """Compare, write the record of this platform, and return 1 when anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", choices=PLATFORMS, required=True)
    parser.add_argument("--share", type=int, default=1, metavar="N", help="every scalar once, of all else every N-th")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "artifacts" / "tokenizer_exactness.json")
    parsed = parser.parse_args()
    done: list[Compared] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        platform = PLATFORMS[parsed.platform](folder)
        for step in plan(parsed.share):
            done.append(compare(platform, folder, step))
            print(asdict(done[-1]), file=sys.stderr)
    records = json.loads(parsed.output.read_text(encoding="utf-8")) if parsed.output.is_file() else {}
    records[parsed.platform] = {
        "share": parsed.share,
        "tokenizers": tokenizers.__version__,
        "host": fingerprint(),
        "compared": [asdict(one) for one in done],
    }
    parsed.output.write_text(json.dumps(records, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return int(any(one.mismatches for one in done))


if __name__ == "__main__":
    sys.exit(main())
