"""Opening ONNX files that other tools saved, of free or fixed lengths and any integer type."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.backends.foreign import Expected, Opened, RenamedRunner, matched_inputs, matched_outputs
from runtimes.backends.onnx.file_check import FOREIGN_OPERATORS, check_onnx
from runtimes.backends.onnx.session import open_session
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import Array, Batch, Outputs, Runner, Status

_TYPES = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}
_NAME = f"ONNX Runtime {onnxruntime.__version__}"


def open_onnx_of_others(path: Path, expected: Expected) -> Opened:
    """Open the file once it is found to read nothing elsewhere. Raises as `foreign.open_file`."""
    check_onnx(path, FOREIGN_OPERATORS)
    with in_our_words(lambda reason: BundleError(f"{path}: {_NAME} does not load it: {reason}; export it again")):
        session = open_session(str(path), expected.threads)
    reads = matched_inputs(path, [spec.name for spec in session.get_inputs()], expected)
    names = matched_outputs(path, [spec.name for spec in session.get_outputs()], expected)
    model, shape = _Model(path, session), _shape(path, session)
    runner, lengths = _runner(model, shape, reads, names, expected)
    return Opened(RenamedRunner(runner, names), tuple(names.values()), lengths, reads)


def _shape(path: Path, session: onnxruntime.InferenceSession) -> tuple[Any, ...]:
    """The shape that all inputs have: sizes, and names or None for what is free. Raises BundleError for others."""
    shapes = {tuple(size if isinstance(size, int) else None for size in spec.shape) for spec in session.get_inputs()}
    types = {spec.type for spec in session.get_inputs()}
    if len(shapes) != 1 or not types <= _TYPES.keys():
        found = "; ".join(f"{spec.name} {spec.type} {spec.shape}" for spec in session.get_inputs())
        raise BundleError(f"{path}: expected inputs of one shape and of integers, found {found}; export it so")
    (shape,) = shapes
    if len(shape) not in (2, 3) or shape[0] not in (None, 1) or (len(shape) == 3 and shape[2] is not None):
        raise BundleError(f"{path}: expected inputs [batch, length], found {list(shape)}; export it with a free batch")
    return shape


def _runner(
    model: "_Model", shape: tuple[Any, ...], reads: tuple[str, ...], names: Mapping[str, str], expected: Expected
) -> tuple[Runner, tuple[int, ...]]:
    if len(shape) == 2 and shape[1] is not None:
        tokens = frozenset(name for name, wanted in names.items() if wanted in expected.token_outputs)
        interface = Interface(reads, tokens, expected.pad_id)
        return FixedLengthRunner(Status.MEASURED, {shape[1]: model}, interface), (shape[1],)
    return _FreeRunner(model, reads, by_row=shape[0] == 1), ()


@dataclass(frozen=True)
class _Model:
    """See FixedModel."""

    path: Path
    session: onnxruntime.InferenceSession

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its outputs by name; feeds in the types that it takes."""
        names = [spec.name for spec in self.session.get_outputs()]
        given: dict[str, Array] = {
            spec.name: feeds[spec.name].astype(_TYPES[spec.type]) for spec in self.session.get_inputs()
        }
        with in_our_words(lambda reason: BundleError(f"{self.path}: {_NAME} cannot run it: {reason}; export it again")):
            return dict(zip(names, self.session.run(names, given), strict=True))  # it may load, and no input fit

    def trace(self, feeds: Mapping[str, Array]) -> Outputs:
        """The outputs alone: tensors of others have no names that we know."""
        return self.run(feeds)


@dataclass(frozen=True)
class _FreeRunner:
    """See Runner: a model of any length; `by_row` where it takes a batch of one."""

    model: _Model
    reads: tuple[str, ...]
    by_row: bool
    status: Status = Status.MEASURED
    positions: int | None = None

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        parts = batch.items if self.by_row else [batch]
        found = [self.model.run(part.feeds(self.reads)) for part in parts]
        return {name: np.concatenate([one[name] for one in found]) for name in found[0]}

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the outputs alone."""
        return self.run(batch)
