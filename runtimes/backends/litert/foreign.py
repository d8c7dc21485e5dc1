"""Opening .tflite files that other tools saved, of free or fixed lengths, with signatures or without."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtimes.backends.fixed_length import FixedLengthRunner, Interface
from runtimes.backends.foreign import Expected, Opened, RenamedRunner, matched_inputs, matched_outputs
from runtimes.backends.litert.file_check import FOREIGN_OPERATORS, check_litert
from runtimes.errors import BundleError, in_our_words
from runtimes.extras import require_extra
from runtimes.runner import INPUTS, Array, Batch, Outputs, Runner, Status
from runtimes.tflite.model import FREE, Model

_IDS, _MASK, _SEGMENTS = INPUTS
_CALLED = {
    **dict.fromkeys(("ids", "word_ids", "input_word_ids"), _IDS),
    **dict.fromkeys(("mask", "input_mask"), _MASK),
    **dict.fromkeys(("segment_ids", "type_ids", "input_type_ids"), _SEGMENTS),
}
"""What MediaPipe and TensorFlow Hub call the inputs → transformers' name."""
_POSITION = re.compile(r"args?_(\d+)")
"""What litert-torch calls an input without a name: its place among the arguments, which transformers' models share."""
_DECORATED = re.compile(r"(?:serving_default_)?(.*?)(?::\d+)?")
_DTYPES = ("int32", "int64", "bool", "float32")


@dataclass(frozen=True)
class _Entry:
    """What of a file is run: a signature, or without one its first graph. Names of its inputs and outputs → tensors."""

    key: str
    subgraph: int
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]


def open_litert_of_others(path: Path, expected: Expected) -> Opened:
    """Open every signature of a file, once it is found to be harmless. Raises as `foreign.open_file`."""
    require_extra("litert", "running a .tflite file", "ai_edge_litert")
    model = check_litert(path, FOREIGN_OPERATORS)
    entries = _entries(model)
    first = _asked(entries[0])
    reads = matched_inputs(path, list(first), expected)
    names = matched_outputs(path, list(entries[0].outputs), expected)
    runners = _opened(path, model, entries, expected.threads)
    models = {one.length: one for one in runners}
    if None in models:
        free = models[None]
        runner: Runner = _FreeRunner(free, reads, by_row=free.shape[0] == 1)
        return Opened(RenamedRunner(runner, names), tuple(names.values()), (), reads)
    fixed = {length: one for length, one in models.items() if length is not None}
    tokens = frozenset(name for name, wanted in names.items() if wanted in expected.token_outputs)
    runner = FixedLengthRunner(Status.MEASURED, fixed, Interface(reads, tokens, expected.pad_id))
    return Opened(RenamedRunner(runner, names), tuple(names.values()), tuple(sorted(fixed)), reads)


def _entries(model: Model) -> list[_Entry]:
    """The signatures; where there are none, the first graph with the names of its tensors."""
    found = [_Entry(one.key, one.subgraph, one.inputs, one.outputs) for one in model.signatures if one.key]
    graph = model.subgraphs[0]
    whole = [{graph.tensors[number].name: number for number in side} for side in (graph.inputs, graph.outputs)]
    return found or [_Entry("", 0, *whole)]


def _asked(entry: _Entry) -> dict[str, str]:
    """Transformers' name of each input → its name in the file; names that say nothing stay as they are."""
    found: dict[str, str] = {}
    for name in sorted(entry.inputs, key=lambda name: entry.inputs[name]):
        decorated = _DECORATED.fullmatch(name)
        bare = decorated[1] if decorated else name
        place = _POSITION.fullmatch(bare)
        if place and int(place[1]) < len(INPUTS):
            bare = INPUTS[int(place[1])]
        found[_CALLED.get(bare, bare)] = name
    return found


def _opened(path: Path, model: Model, entries: list[_Entry], threads: int) -> list["_Model"]:
    from runtimes.backends.litert.runner import loading  # LiteRT, once the file is checked
    from runtimes.backends.litert.session import open_interpreter

    with loading(path):
        interpreter = open_interpreter(str(path), threads)
        calls = [
            interpreter.get_signature_runner(entry.key) if entry.key else _by_number(interpreter, entry)
            for entry in entries
        ]
    specs = [_specs(model, entry) for entry in entries]
    shapes = [_shape(path, one) for one in specs]
    types = [{name: dtype for name, (dtype, _) in one.items()} for one in specs]
    return [_Model(path, *parts) for parts in zip(map(_asked, entries), types, shapes, calls, strict=True)]


def _specs(model: Model, entry: _Entry) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name of an input in the file → its type and shape, and nothing that would hold the file."""
    tensors = model.subgraphs[entry.subgraph].tensors
    return {name: (tensors[number].dtype, tensors[number].shape) for name, number in entry.inputs.items()}


def _shape(path: Path, specs: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[int, ...]:
    """The shape that all inputs have, FREE for what is free. Raises BundleError for others."""
    shapes = {shape for _, shape in specs.values()}
    if len(shapes) != 1 or not {dtype for dtype, _ in specs.values()} <= {*_DTYPES}:
        found = "; ".join(f"{name} {dtype} {list(shape)}" for name, (dtype, shape) in specs.items())
        raise BundleError(f"{path}: expected inputs of one shape and of integers, found {found}; convert it so")
    (shape,) = shapes
    if len(shape) not in (2, 3) or shape[0] not in (FREE, 1) or (len(shape) == 3 and shape[2] != FREE):
        raise BundleError(f"{path}: expected inputs [1, length], found {list(shape)}; convert it for one text")
    return shape


def _by_number(interpreter: Any, entry: _Entry) -> Callable[..., Outputs]:
    """What runs a graph without a signature, as those of signatures run theirs."""

    def call(**feeds: Array) -> Outputs:
        for name, values in feeds.items():
            interpreter.resize_tensor_input(entry.inputs[name], values.shape)
        interpreter.allocate_tensors()
        for name, values in feeds.items():
            interpreter.set_tensor(entry.inputs[name], values)
        interpreter.invoke()
        return {name: interpreter.get_tensor(number) for name, number in entry.outputs.items()}

    return call


@dataclass(frozen=True)
class _Model:
    """See FixedModel. `asked` is transformers' name of an input → the file's; `types` and `shape` are its inputs'."""

    path: Path
    asked: Mapping[str, str]
    types: Mapping[str, str]
    shape: tuple[int, ...]
    call: Callable[..., Outputs]

    @property
    def length(self) -> int | None:
        """The tokens that it takes; None for any."""
        return self.shape[1] if len(self.shape) == 2 and self.shape[1] != FREE else None

    def run(self, feeds: Mapping[str, Array]) -> Outputs:
        """Its outputs by name; feeds by transformers' names, given in the types that it takes."""
        given = {theirs: feeds[name].astype(self.types[theirs]) for name, theirs in self.asked.items()}
        with in_our_words(lambda reason: BundleError(f"{self.path}: LiteRT cannot run it: {reason}; convert it again")):
            return self.call(**given)

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
