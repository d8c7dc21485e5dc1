"""The `EmulatedRuntime` object: what of a backend runs on a processor that qemu emulates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a measured process must not pay for it
    from pathlib import Path


@dataclass(frozen=True)
class EmulatedRuntime:
    """One runtime: `name` as errors call it, and the `module` that it imports.

    `package` is the distribution that has it, and `requirement` what pip installs it by here. The other processor's
    Python gets the same version as is installed here, so that kernels alone differ, and what that version depends on.
    There `python -m CHILD MODEL [LENGTH …]`, with the lengths where they are fixed, answers batches, importing nothing
    but the runtime and numpy.
    `check` reads a model file before it is opened, and raises BundleError for one that is damaged. `traced` gives the
    arguments, in place of MODEL, of a child that answers with every float tensor too; it may write to the empty folder
    that it is given.
    """

    name: str
    package: str
    module: str
    requirement: str
    child: str
    check: "Callable[[Path], None]"
    traced: "Callable[[Path, Path], Sequence[str]]"
