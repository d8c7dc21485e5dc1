"""What every runtime offers, and which of them runs a bundle."""

import platform
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from runtimes.errors import BundleError

if TYPE_CHECKING:  # a measured process must not pay for what bundles need: their hashes are 4 MB of OpenSSL
    from runtimes.bundle.manifest import Bundle

Array = NDArray[Any]
Outputs = dict[str, Array]
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
"""All that a model may read, by transformers' names; families without segments read the first two."""


class Status(Enum):
    """How a figure came to be; only `MEASURED` ones have times."""

    MEASURED = "measured"
    """The target's real runtime ran on this processor."""
    EMULATED = "emulated"
    """The real runtime's kernels ran on an emulated processor."""
    SIMULATED = "simulated"
    """Our interpreter ran the saved model."""
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Batch:
    """Token ids, mask (1 for a token) and segment numbers: int64 [B, S] each."""

    ids: Array
    mask: Array
    types: Array

    @property
    def rows(self) -> "list[Batch]":
        """Each row by itself, [1, S]; of a batch [B, C, S] each choice."""
        parts = [part.reshape(-1, part.shape[-1]) for part in (self.ids, self.mask, self.types)]
        return [Batch(*(part[number : number + 1] for part in parts)) for number in range(len(parts[0]))]

    @property
    def items(self) -> "list[Batch]":
        """Each text by itself: one row, or with its choices [1, C, S]."""
        parts, numbers = (self.ids, self.mask, self.types), range(len(self.ids))
        return [Batch(*(part[number : number + 1] for part in parts)) for number in numbers]

    @property
    def used(self) -> int:
        """Tokens up to the last one of any row; where there is none, all columns."""
        columns = np.flatnonzero(self.mask.any(tuple(range(self.mask.ndim - 1))))
        return int(columns[-1]) + 1 if len(columns) else self.ids.shape[-1]

    def resized(self, length: int, pad_id: int) -> "Batch":
        """As [B, length] or [B, C, length], cut or padded on the right."""
        whole = (*self.ids.shape[:-1], length)
        parts = [part.reshape(-1, part.shape[-1]) for part in (self.ids, self.mask, self.types)]
        ids, mask, types = (resized(part, length) for part in parts)
        ids[:, self.ids.shape[-1] :] = pad_id
        return Batch(*(part.reshape(whole) for part in (ids, mask, types)))

    def feeds(self, names: Collection[str] = INPUTS) -> dict[str, Array]:
        """The arrays that a model reads, by name."""
        arrays = zip(INPUTS, (self.ids, self.mask, self.types), strict=True)
        return {name: values for name, values in arrays if name in names}


class Runner(Protocol):
    """A model, opened."""

    @property
    def status(self) -> Status:
        """What figures made with this runner may be called."""

    @property
    def positions(self) -> int | None:
        """The most tokens that the model takes; None for as many as its checkpoint."""

    def fit(self, batch: Batch) -> Batch:
        """The batch as this model takes it: padded to a length that it has, or as it is."""

    def run(self, batch: Batch) -> Outputs:
        """The outputs of one batch, by name."""

    def trace(self, batch: Batch) -> Outputs:
        """Every named tensor of one batch, in the order of computation."""


@dataclass(frozen=True)
class WrappedRunner:
    """See Runner: another one, asked or read otherwise in what a subclass says."""

    runner: Runner

    @property
    def status(self) -> Status:
        """See Runner."""
        return self.runner.status

    @property
    def positions(self) -> int | None:
        """See Runner."""
        return self.runner.positions

    def fit(self, batch: Batch) -> Batch:
        """See Runner."""
        return self.runner.fit(batch)


def open_runner(bundle: "Bundle", threads: int = 1) -> Runner:
    """Open the saved model of a bundle with the runtime of its target. Raises BundleError for what no target wrote."""
    if bundle.manifest.recipe.target not in _RUNTIMES:
        found, known = bundle.manifest.recipe.target, ", ".join(_RUNTIMES)
        raise BundleError(f"{bundle.directory}: made for {found!r}, and the runtimes are of {known}; export again")
    return _RUNTIMES[bundle.manifest.recipe.target](bundle, threads)


def _onnxruntime(bundle: "Bundle", threads: int) -> Runner:
    from runtimes.backends.onnx.file_check import check_onnx

    check_onnx(bundle.directory / bundle.manifest.models[0])  # first: it has the model in memory twice for a moment
    from runtimes.backends.onnx.runner import OnnxRunner

    return OnnxRunner(bundle.directory / bundle.manifest.models[0], threads)


def _coreml(bundle: "Bundle", _threads: int) -> Runner:
    """Apple's runtime where it exists, else the portable interpreter."""
    from runtimes.backends.coreml.fixed_length import Interface

    interface = Interface(bundle.input_names, bundle.token_outputs, bundle.manifest.pad_id)
    if platform.system() == "Darwin":  # and nothing of the interpreter: its decoding would be measured too
        from runtimes.backends.coreml.apple import open_apple

        return open_apple(bundle.fixed_models, bundle.manifest.recipe.compute_units or "all", interface)
    from runtimes.backends.coreml.simulated import open_simulated

    return open_simulated([bundle.directory / name for name in bundle.manifest.models], interface)


_RUNTIMES: dict[str, Callable[["Bundle", int], Runner]] = {"onnx": _onnxruntime, "coreml": _coreml}


def resized(values: Array, width: int) -> Array:
    """[B, S, …] → [B, width, …], cut or filled up with zeros on the right."""
    wide = np.zeros((len(values), width, *values.shape[2:]), values.dtype)
    kept = min(width, values.shape[1])
    wide[:, :kept] = values[:, :kept]
    return wide


def full_batch(ids: Array) -> Batch:
    """Ids without padding, all of the first segment."""
    return Batch(ids, np.ones_like(ids), np.zeros_like(ids))
