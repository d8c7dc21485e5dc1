"""Running a Core AI asset in child processes: one for what is asked, and a second one once something is traced."""

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np

from runtimes.aimodel.model import Asset, Function
from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.errors import BertportError, BundleError, UsageError
from runtimes.process.child import ANSWER_LIMIT_S, Child, Program
from runtimes.process.launch import python_path
from runtimes.runner import INPUTS, Array, Batch, Outputs, Status

TRACE = "--trace"
"""What a child is told whose answers are every float tensor."""
_MOST_ROWS = 128
"""Half a minute of rows of 128 tokens in the channels layout; the whole battery of the demo is 390."""
_CRASH = "9 is most often a lack of memory, any other a fault of Core AI's own; export again, or try another scheme"


class AssetProcesses:
    """The processes of one asset, which was checked before; one caller at a time. Raises RuntimeUnavailable as `Child`.

    Opening an asset leaks memory in its process (1.7 MB, coreai-core 1.0.0b3), which ends with its runner; it runs in a
    folder of its own, where what it compiled lies, and what a crash leaves.
    """

    def __init__(self, path: Path, limit_s: float = ANSWER_LIMIT_S) -> None:
        self._path, self._limit_s, self._turn = path, limit_s, Lock()
        self._child = self._start()
        self.greeting = self._child.greeting()

    def run(self, batch: Batch) -> Outputs:
        """The outputs of a row of one of its lengths."""
        with self._turn:
            return self._child.ask(batch)

    def trace(self, batch: Batch) -> Outputs:
        """Every float tensor that has a name, and the outputs."""
        with self._turn:
            return self._tracing.ask(batch)

    @cached_property
    def _tracing(self) -> Child:
        """Another process: what is to be traced is compiled for it."""
        child = self._start(TRACE)
        child.greeting()
        return child

    def _start(self, *further: str) -> Child:
        def refused(text: str) -> BertportError:
            return BundleError(f"{self._path}: Core AI cannot run it: {text}; export it again")

        command = (sys.executable, "-P", "-m", "runtimes.backends.coreai.child", str(self._path.absolute()), *further)
        process = f"its process for {self._path.name}"
        program = Program("Core AI", process, command, python_path(), refused, self._limit_s, crash=_CRASH)
        return Child(program, Path(tempfile.mkdtemp(prefix="bertport.")))


@dataclass(frozen=True)
class _OneLength:
    """See FixedModel."""

    processes: AssetProcesses
    function: Function

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        return self.processes.run(self._checked(feeds))

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """See FixedModel."""
        return self.processes.trace(self._checked(feeds))

    def _checked(self, feeds: Mapping[str, Array]) -> Batch:
        """Raise UsageError for an id that has no row: a negative one would count from the end."""
        for name, rows in self.function.rows.items():
            wrong = feeds[name][(feeds[name] < 0) | (feeds[name] >= rows)]
            if wrong.size:
                raise UsageError(
                    f"{name}: expected ids from 0 to {rows - 1:,}, found {int(wrong[0]):,}; use its own tokenizer"
                )
        nothing = np.zeros_like(next(iter(feeds.values())))
        return Batch(*(feeds.get(name, nothing) for name in INPUTS))


@dataclass(frozen=True)
class CoreAIRunner(FixedLengthRunner):
    """See Runner; `description` says which runtime ran, and on what, `most_rows` what a comparison asks of it."""

    description: str = ""
    most_rows: int | None = None


def rows_asked(asset: Asset) -> int | None:
    """A product of float16 takes the reference a hundred times as long as one of float32: 0.2 s a row of 128 tokens."""
    return _MOST_ROWS if any(one.type.dtype == "float16" for one in asset.constants) else None


def open_functions(
    path: Path,
    functions: Mapping[int, Function],
    interface: Interface,
    limit_s: float = ANSWER_LIMIT_S,
    most_rows: int | None = None,
) -> CoreAIRunner:
    """Open the functions (by their lengths) of an asset that was checked. Raises as AssetProcesses."""
    processes = AssetProcesses(path, limit_s)
    models = {length: _OneLength(processes, function) for length, function in functions.items()}
    said = f"{processes.greeting}; a reference, and no device"
    return CoreAIRunner(Status.MEASURED, models, interface, said, most_rows)


def functions_of(path: Path, functions: Sequence[Function], lengths: Mapping[str, int]) -> dict[int, Function]:
    """The functions that `lengths` names, by their lengths. Raises BundleError where the asset has others."""
    found = {one.name: one for one in functions}
    if found.keys() != lengths.keys():
        raise BundleError(
            f"{path}: expected the functions {', '.join(lengths)}, found {', '.join(found) or 'none'}; export it again"
        )
    for name, length in lengths.items():
        for one in found[name].inputs:
            if (one.dtype, one.shape) != ("int32", (1, length)):
                raise BundleError(
                    f"{path}: {name}: expected {one.name} as int32 [1, {length}], found {one.dtype} "
                    f"{[*one.shape]}; export it again"
                )
    return {length: found[name] for name, length in lengths.items()}
