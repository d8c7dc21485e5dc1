"""`verify --against`: compares a model that another tool saved with PyTorch on its checkpoint."""

import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint, load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.model.ops import Extent
from exporter.targets.budgets import for_depth
from exporter.targets.registry import DEFAULT_SCHEME, find_scheme
from exporter.verification.check import Answering, Limit
from exporter.verification.comparison import Compared, compare_runner
from exporter.verification.reference.early_start import start_for
from exporter.verification.reference.reference import Reference
from runtimes.backends.foreign import Expected, Opened
from runtimes.backends.registry import of_file, open_file
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import sha256
from runtimes.parity.compare import Parity, Verdict

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ComparedFile:
    """A row of the table: what became of a file."""

    name: str
    directory: Path
    size_bytes: int
    parity: Parity


@dataclass(frozen=True)
class FileCheck:
    """One call: the file, the checkpoint, and what `verify` may be told of a comparison."""

    path: Path
    model: str
    texts: tuple[str, ...] = ()
    limit: Limit = field(default_factory=Limit)
    allow_pickle: bool = False
    pairs: bool = False
    task: str = "auto"
    answering: Answering = field(default_factory=Answering)

    @property
    def target(self) -> str:
        """The target whose file it is. Raises UsageError for another file, or none."""
        return of_file(self.path).name

    def compared(self, parity: Parity) -> ComparedFile:
        """The file with its verdict."""
        size_bytes = sum(one.stat().st_size for one in _files(self.path))
        return ComparedFile(self.path.name, self.path.absolute().parent, size_bytes, parity)


def verify_file(check: FileCheck) -> Parity:
    """Run the battery of the checkpoint on the file, and hold its outputs against PyTorch's.

    The budget is that of the scheme `none`, with what the caller puts in its place. Raises UsageError, BundleError and
    CheckpointError for what cannot be opened or does not fit, and RuntimeUnavailable as `verify`.
    """
    source = resolve(check.model, HubOptions(allow_pickle=check.allow_pickle))
    start_for(source.directory, check.answering.cached)
    checkpoint = load(source, check.task, check.allow_pickle)
    reference = Reference(checkpoint, check.texts, check.pairs, answering=check.answering)
    opened = open_file(check.path, replace(_expected(checkpoint), threads=reference.threads))
    own = find_scheme(check.target, DEFAULT_SCHEME).budget
    budget = check.limit.applied(for_depth(own, checkpoint.geometry.layers))
    _log.info(f"{check.path.name}: {checkpoint.task.name}, {_told(opened)}; comparing with PyTorch")
    parity = _compared(reference, opened, budget)
    failures = (*opened.findings, *parity.failures)
    return replace(
        parity,
        verdict=Verdict.FAIL if failures else parity.verdict,
        failures=failures,
        warnings=(*parity.warnings, *_missing(checkpoint, opened)),
        note=f"{check.path.name} ({_digest(check.path)}) against {checkpoint.source.model}",
    )


def _compared(reference: Reference, opened: Opened, budget: Budget) -> Parity:
    checkpoint = reference.checkpoint
    tokens = _expected(checkpoint).token_outputs
    outputs = {name: name in tokens for name in opened.outputs}
    apart = checkpoint.task.besides if outputs.keys() - set(checkpoint.task.besides) else ()
    besides = {name: outputs.pop(name) for name in apart if name in outputs}
    what = Compared(
        outputs, checkpoint.problem, checkpoint.labels, opened.lengths, opened.reads, empty_rows=False, besides=besides
    )
    return compare_runner(reference, opened.runner, what, budget)


def _expected(checkpoint: Checkpoint) -> Expected:
    model = checkpoint.model
    tokens = frozenset(name for name, extent in model.outputs.items() if extent in (Extent.TOKEN, Extent.POSITION))
    return Expected(model.inputs, tuple(model.outputs), tokens, checkpoint.geometry.pad)


def _missing(checkpoint: Checkpoint, opened: Opened) -> list[str]:
    """What the file has not, and a text or the model has."""
    model = checkpoint.model
    unread = [f"it reads no {name}, which the model does" for name in model.inputs if name not in opened.reads]
    return unread + [
        f"it has no {name}, which was not compared" for name in model.outputs if name not in opened.outputs
    ]


def _told(opened: Opened) -> str:
    lengths = f"of {', '.join(map(str, opened.lengths))} tokens" if opened.lengths else "of any length"
    return f"{lengths}, reads {', '.join(opened.reads)}, gives {', '.join(opened.outputs)}"


def _files(path: Path) -> list[Path]:
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def _digest(path: Path) -> str:
    """Of a package, its largest file's hash: the weights."""
    largest = max(_files(path), key=lambda one: one.stat().st_size)
    return f"sha256 {sha256(largest)[:16]}…"
