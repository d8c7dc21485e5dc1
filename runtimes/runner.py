"""What every runtime offers, and which of them runs a bundle."""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # a measured process must not pay for what bundles need: their hashes are 4 MB of OpenSSL
    from exporter.bundle import Bundle

Array = NDArray[Any]
Outputs = dict[str, Array]


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

    def feeds(self) -> dict[str, Array]:
        """The arrays under the names that transformers uses."""
        return {"input_ids": self.ids, "attention_mask": self.mask, "token_type_ids": self.types}


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


def open_runner(bundle: "Bundle", threads: int = 1) -> Runner:
    """Open the saved model of a bundle with the runtime of its target."""
    return _RUNTIMES[bundle.manifest.recipe.target](bundle, threads)


def _onnxruntime(bundle: "Bundle", threads: int) -> Runner:
    from runtimes.onnxruntime import OnnxRunner

    return OnnxRunner(bundle.directory / bundle.manifest.models[0], threads)


def _coreml(bundle: "Bundle", _threads: int) -> Runner:
    """Apple's runtime where it exists, else the portable interpreter."""
    from runtimes.simulated import functions, open_simulated

    packages = [bundle.directory / name for name in bundle.manifest.models]
    if platform.system() != "Darwin":
        return open_simulated(packages, bundle.token_outputs)
    from runtimes.coreml import open_apple

    return open_apple(functions(packages), bundle.manifest.recipe.compute_units or "all", bundle.token_outputs)


_RUNTIMES: dict[str, Callable[["Bundle", int], Runner]] = {"onnx": _onnxruntime, "coreml": _coreml}


def full_batch(ids: Array) -> Batch:
    """Ids without padding, all of the first segment."""
    return Batch(ids, np.ones_like(ids), np.zeros_like(ids))
