"""The readers of files that others wrote, one entry each: honest seeds, what reading one shows, and what must not pass.

A reader gives a behaviour, which can be compared, or raises one of our errors. Anything else is a finding.
"""

import hashlib
import random
import sys
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.fuzz import bytecode, seeds
from benchmarks.fuzz.bundles import TEXTS, BundleReader
from benchmarks.fuzz.records import write_records
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.lora import is_adapter, read_adapter
from exporter.checkpoint.source import HubOptions, Source
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.checkpoint.tokenizer.unigram import UNIGRAM
from exporter.gate.baseline import read_baseline
from exporter.gate.config import read_config
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET
from runtimes.backends.foreign import Expected
from runtimes.backends.registry import open_file
from runtimes.errors import BertportError
from runtimes.evaluation.data.columns import Choice
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.dataset import DataFile, read_dataset
from runtimes.evaluation.data.examples import encode_all
from runtimes.evaluation.problems import PROBLEMS
from runtimes.mil import open_package
from runtimes.parity.cases import Limits
from runtimes.reporting.build import build
from runtimes.reporting.collect import collect
from runtimes.reporting.junit import junit_xml
from runtimes.reporting.render import html, markdown
from runtimes.runner import INPUTS, Batch

LABELS = ("World", "Sports", "Business")


class Reader(Protocol):
    """`seeds` writes honest folders below one, `read` reads a folder; `finish` comes between a mutation and reading.

    `strict`: what passes must behave as the honest folder did.
    """

    name: str
    strict: bool

    def seeds(self, folder: Path) -> list[Path]:
        """Honest folders."""

    def read(self, folder: Path) -> Hashable:
        """What reading shows. Raises BertportError."""

    def finish(self, folder: Path, choice: random.Random) -> None:
        """After a file was changed."""


@dataclass(frozen=True)
class PlainReader:
    """See Reader: two functions."""

    name: str
    seeds: Callable[[Path], list[Path]]
    read: Callable[[Path], Hashable]
    strict: bool = False

    def finish(self, folder: Path, choice: random.Random) -> None:
        """Nothing."""


class AssetReader:
    """Core AI assets: what our checks show of one; in two thirds of the cases its hash fits, as a forger's would."""

    name = "aimodel"
    strict = False

    def seeds(self, folder: Path) -> list[Path]:
        """See Reader."""
        return seeds.write_assets(folder)

    def read(self, folder: Path) -> Hashable:
        """See Reader."""
        found = read_asset(folder / ASSET)
        print_(found.metadata, found.producer)
        return repr((found.functions, found.constants))

    def finish(self, folder: Path, choice: random.Random) -> None:
        """See Reader."""
        if choice.randrange(3):
            bytecode.seal(folder / ASSET)


def read_checkpoint(folder: Path) -> Hashable:
    """Everything that an export takes from it, and for one in eight the export itself."""
    if is_adapter(folder):
        adapter = read_adapter(folder)
        return adapter.base, adapter.labels
    found = load(Source("folder", "hostile", None, folder), "auto", allow_pickle=True)
    values = [tensor.read().tobytes() for tensor in found.model.tensors.values()]
    ids = [one.ids for one in found.tokenizer.tokenizer.encode_batch(list(TEXTS))]
    print_(found.authorship, found.labels)
    if _digest(*(one.encode() for one in found.sha256.values())).startswith(("0", "1")):
        out = folder.parent / "exported"
        export(Request(str(folder), destination=out, verify=False, hub=HubOptions(allow_pickle=True)))
    return _digest(*values), str(ids), found.labels


def read_tokenizer_file(folder: Path) -> Hashable:
    """The ids of a few texts, or of SentencePiece's file the entries."""
    if not (folder / "tokenizer.json").is_file():
        return repr(UNIGRAM.read_files(folder))
    made = open_tokenizer(folder / "tokenizer.json")
    return str([one.ids for one in made.encode_batch(list(TEXTS))])


def read_mlpackage(folder: Path) -> Hashable:
    """The outputs of every function of the package on one row of ones."""
    outputs = []
    first = open_package(folder / "Model.mlpackage")
    for name in first.functions:
        program = open_package(folder / "Model.mlpackage", name)
        feeds = {one.name: np.ones([size or 1 for size in one.shape], one.data_type.dtype) for one in program.inputs}
        outputs += [value.tobytes() for _, value in sorted(program.run(feeds).items())]
    return _digest(*outputs)


def read_tflite(folder: Path) -> Hashable:
    """What LiteRT answers to two rows, where the file is found to be harmless."""
    opened = open_file(folder / "model.tflite", Expected(INPUTS, ("logits",), frozenset(), pad_id=0))
    ids = np.array([[2, 30, 31, 3], [2, 32, 3, 0]])
    outputs = opened.runner.run(Batch(ids, (ids > 0).astype(np.int64), np.zeros_like(ids)))
    return opened.lengths, _digest(*(value.tobytes() for _, value in sorted(outputs.items())))


def read_table_of_rows(folder: Path) -> Hashable:
    """The rows for every kind of problem that takes them, as texts too, and as the model would read them."""
    (path,) = [one for one in folder.iterdir() if one.is_file()]
    shown: list[Any] = [_or_error(lambda: read_texts(path))]
    if path.suffix == ".txt":
        return str(shown)
    shown += [_or_error(partial(_dataset, path, problem)) for problem in PROBLEMS.values()]
    return _told(shown)


def _dataset(path: Path, problem: Any) -> Any:
    found = read_dataset(DataFile(path, choice=Choice()), problem, LABELS)
    encode_all(_tokenizer(), found.examples, Limits(16, 2, 0), problem.only_second)
    return found.golds


def read_records(folder: Path) -> Hashable:
    """The page, the Markdown and the JUnit XML."""
    findings = collect([folder])
    document, verdicts = build(findings)
    return _digest(html(document).encode(errors="replace"), markdown(document).encode(), junit_xml(verdicts))


def read_settings(folder: Path) -> Hashable:
    """bertport.toml, and the baseline that it names."""
    config = read_config(folder / "bertport.toml")
    print_(config)
    return _or_error(lambda: str(read_baseline(folder / "baseline.json")))


def _or_error(read: Callable[[], Any]) -> Any:
    """What was read, or our error: the others still have their turn."""
    try:
        return read()
    except BertportError as error:
        return error


def _told(shown: list[Any]) -> Hashable:
    """Raise the last error where nothing was read."""
    if all(isinstance(one, Exception) for one in shown):
        raise shown[-1]
    return repr(shown)


def print_(*values: object) -> None:
    """Everything that is told must be writable as UTF-8."""
    " ".join(map(str, values)).encode()


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"".join(parts)).hexdigest()


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(WordLevel({"[UNK]": 0, "the": 1, "cat": 2}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    return made


def _checkpoints(folder: Path) -> list[Path]:
    return [*seeds.write_checkpoints(folder), seeds.write_adapter(folder / "adapter")]


def _records(folder: Path) -> list[Path]:
    (bundle, *_) = seeds.write_bundles(folder, seeds.write_checkpoint(folder / "checkpoint"), ("onnx",))
    return write_records(folder / "records", bundle)


_ALL: tuple[Reader, ...] = (
    PlainReader("checkpoint", _checkpoints, read_checkpoint),
    PlainReader("tokenizer", lambda folder: seeds.write_tokenizers(folder / "tokenizers"), read_tokenizer_file),
    PlainReader("package", seeds.write_packages, read_mlpackage),
    PlainReader("tflite", seeds.write_tflites, read_tflite),
    AssetReader(),
    BundleReader(),
    PlainReader("rows", seeds.write_tables, read_table_of_rows),
    PlainReader("records", _records, read_records),
    PlainReader("settings", lambda folder: seeds.write_settings(folder / "settings"), read_settings),
)
READERS: Mapping[str, Reader] = {one.name: one for one in _ALL}
"""Every reader by its name: `make fuzz` and the tests go through these."""


def chosen(names: Sequence[str]) -> list[Reader]:
    """The readers of these names, or all. Raises SystemExit."""
    for name in names:
        if name not in READERS:
            sys.exit(f"no reader {name}: choose from {', '.join(READERS)}")
    return [READERS[name] for name in names or READERS]
