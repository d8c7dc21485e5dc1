"""Holding the interpreter of Core ML packages against Apple's own runtime, tensor by tensor.

Off a Mac a package's answers are simulated: `runtimes.mil` computes them. Apple's Core AI has a runtime for Linux. A
recipe is lowered for it too, the same weights in the same form, in a layout that rounds each result once, as the
interpreter takes it to be (`coreai.witness`); rows of seeded ids are traced on both sides.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.compression.calibration import Calibration
from exporter.model.weight_list import rounded_weights
from exporter.targets.coreai.lower import WITNESS, lower
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.requirements import PACKAGE, require_coreai
from exporter.targets.coreai.schemes import SCHEMES
from exporter.targets.coreai.target import scheme_of
from exporter.targets.coreai.weights import WeightStore
from exporter.targets.registry import TARGETS
from exporter.verification.explanation import audited_again
from exporter.verification.provenance import check_repeatable
from exporter.verification.reference.reference import Reference
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import ASSET
from runtimes.backends.coreai.runner import open_functions
from runtimes.backends.coreml.simulated import open_simulated
from runtimes.backends.fixed_length import Interface
from runtimes.bundle.reading import Bundle
from runtimes.errors import UnsupportedError, UsageError
from runtimes.runner import Array, Batch, Runner

_OPTION = "--witness"
_TARGETS = ("coreml", "coreai")
"""Whose interpreter is held against whose runtime."""
_SHARES = (1.0, 11 / 16, 3 / 16)
"""Of each row what is no padding."""
Tensors = Mapping[str, Array]
Gap = tuple[float, float]
"""Of a tensor the largest difference as a share of its largest value, and the share of equal numbers."""


@dataclass(frozen=True)
class Witness:
    """What Apple's runtime says: of each tensor, in the order of computation, the largest difference of all rows.

    A difference is a share of the tensor's largest value; infinite where one side has no number.
    """

    runtime: str
    tokens: int
    rows: int
    equal_share: float
    relative: Mapping[str, float]
    outputs: tuple[str, ...]

    @property
    def worst(self) -> str:
        """The tensor that differs most."""
        return max(self.relative, key=lambda name: self.relative[name])


def check_witness(bundle: Bundle) -> None:
    """Raise UsageError for a bundle that no witness is for, RuntimeUnavailable where there is none here."""
    recipe, (ours, _) = bundle.manifest.recipe, _TARGETS
    if recipe.target not in _TARGETS[:1]:
        raise UsageError(f"{_OPTION}: of {ours} bundles, whose figures are simulated; this is {recipe.target}")
    if recipe.scheme not in SCHEMES:
        known = ", ".join(SCHEMES)
        raise UsageError(f"{_OPTION}: Core AI has no form of {recipe.scheme}; it has {known}; leave it out")
    require_coreai(f"verify {_OPTION}")


def bear_witness(bundle: Bundle, reference: Reference, frequent_texts: tuple[str, ...] = ()) -> Witness:
    """Trace a bundle's package in the interpreter, at its shortest length, and its recipe in Apple's runtime.

    Raises as `check_witness` and `opened_asset`, and RuntimeUnavailable for weights that cannot be made again.
    """
    check_witness(bundle)
    check_repeatable(bundle, frequent_texts)
    manifest, checkpoint = bundle.manifest, audited_again(bundle, reference).checkpoint
    recipe, length = manifest.recipe, min(manifest.recipe.sequence_lengths)
    calibration = Calibration(checkpoint, reference.samples, recipe.pq_dims or 0, frequent_texts)
    scheme = scheme_of(recipe)
    store = WeightStore(scheme, partial(calibration.encode, narrow=scheme.narrow))
    interface = Interface(bundle.input_names, bundle.token_outputs, manifest.pad_id)
    ours = open_simulated([bundle.directory / name for name in manifest.models], interface)
    with opened_asset(checkpoint, store, length) as theirs:
        found = gaps(checkpoint, ours, theirs, rows(checkpoint, length))
    worst, equal_share = summed(found)
    runtime, outputs = f"{PACKAGE} {version(PACKAGE)}", tuple(checkpoint.model.outputs)
    return Witness(runtime, length, len(_SHARES), equal_share, worst, outputs)


def used_tokens(length: int) -> tuple[int, ...]:
    """Tokens of each row of so many that are no padding."""
    return tuple(max(1, int(length * share)) for share in _SHARES)


def rows(checkpoint: Checkpoint, length: int) -> Iterator[Batch]:
    """Seeded ids of the whole vocabulary, full and padded, and segments where the model has some."""
    numbers, geometry = np.random.default_rng(0), checkpoint.geometry
    for used in used_tokens(length):
        ids = numbers.integers(0, geometry.vocabulary, (1, length))
        mask = (np.arange(length) < used).astype(np.int64)[None]
        types = (np.arange(length) >= used // 2).astype(np.int64)[None] % max(geometry.types, 1)
        yield Batch(np.where(mask > 0, ids, geometry.pad), mask, types * mask)


@contextmanager
def opened_asset(checkpoint: Checkpoint, store: WeightStore, length: int) -> Iterator[Runner]:
    """The model over the weights of `store`, of one length, in Apple's runtime.

    Raises UnsupportedError for a weight of which Core AI encodes parts, and a package the whole: other numbers.
    """
    with TemporaryDirectory() as folder:
        path, program = Path(folder) / ASSET, lower(checkpoint.model, store, (length,), WITNESS)
        if parts := sorted(store.encoded - {weight.name for weight in rounded_weights(checkpoint.model)}):
            raise UnsupportedError(
                f"{_OPTION}: Core AI encodes {parts[0]} by itself, a package the table that it is of: other numbers; "
                "export none or fp16 and compare that"
            )
        write_asset(program, {}, path)
        (function,) = read_asset(path).functions
        interface = Interface(tuple(one.name for one in function.inputs), frozenset(), checkpoint.geometry.pad)
        yield open_functions(path, {length: function}, interface)


def gaps(checkpoint: Checkpoint, ours: Runner, theirs: Runner, batches: Iterable[Batch]) -> dict[str, list[Gap]]:
    """Of each tensor that every target has and both sides name, in the order of computation, the gap of each batch."""
    from exporter.model.numpy_ops import trace

    found: dict[str, list[Gap]] = {}
    for batch in batches:
        sides = zip(_TARGETS, (ours, theirs), strict=True)
        left, right = (TARGETS[name].canonical(one.trace(batch)) for name, one in sides)
        named = found or trace(checkpoint.model, batch.ids, batch.mask, batch.types)
        between = differences(left, right)
        for name in [one for one in named if one in between]:
            found.setdefault(name, []).append(between[name])
    return found


def differences(ours: Tensors, theirs: Tensors) -> dict[str, Gap]:
    """The gap of every tensor of both."""
    found = {}
    for name in ours.keys() & theirs.keys():
        left = ours[name].astype(np.float64)
        right = theirs[name].astype(np.float64).reshape(left.shape)
        with np.errstate(invalid="ignore"):
            gap = np.abs(left - right)
        largest = float(gap.max() / max(np.abs(left).max(), 1e-30)) if np.isfinite(gap).all() else float("inf")
        found[name] = largest, float((gap == 0).mean())
    return found


def summed(found: Mapping[str, list[Gap]]) -> tuple[dict[str, float], float]:
    """The largest difference of each tensor, and the mean share of a tensor's numbers that are equal."""
    worst = {name: max(gap for gap, _ in of_one) for name, of_one in found.items()}
    return worst, float(np.mean([np.mean([share for _, share in of_one]) for of_one in found.values()]))
