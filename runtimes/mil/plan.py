"""From the operations of a function to the steps that a run takes.

Everything that can be wrong with a program is found here, when it is opened: an operation we lack, a parameter it does
not have, a name that nothing defines, a constant that is not in the weight file. Constants are read and compressed
weights decoded once; float16 constants of operations that compute are widened once; what only decoding needed is let
go.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Precision, inner_rounding, widen
from runtimes.mil.operations import OPERATIONS, Kind, Operation
from runtimes.mil.package import Package
from runtimes.mil.refusal import refusal
from runtimes.mil.values import TensorType, read_value

# A run-time tensor by name, or a constant.
Operand: TypeAlias = str | Array
Argument: TypeAlias = Operand | list[Operand]

# Parameters that are lists of tensors even when they hold one.
_LISTS = frozenset({"values", "ref_tensors", "begins", "ends", "end_masks"})

# What numpy and our functions raise for arguments that do not fit together.
_MISFITS = (ValueError, IndexError, TypeError, KeyError, AttributeError, ArithmeticError, MemoryError)


@dataclass(frozen=True)
class Result:
    """A tensor that a step yields; `declared` is None for the dictionary of a classifier."""

    name: str
    declared: TensorType | None

    def stored(self, value: Array) -> Array:
        """Return `value` in the declared type; `ValueError` when its shape is another than declared."""
        array = np.asarray(value)
        if self.declared is None:
            return array
        sizes = self.declared.shape
        if len(sizes) != array.ndim or any(s not in (None, n) for s, n in zip(sizes, array.shape, strict=True)):
            raise ValueError(f"result {self.name} has shape {array.shape}, the program declares {sizes}")
        return array.astype(self.declared.data_type.dtype, copy=False)


@dataclass(frozen=True)
class Step:
    """One operation, ready to run: its function, its arguments, its results, and the tensors no later step needs."""

    position: int
    operation: str
    kind: Kind
    function: Callable[..., Any]
    arguments: Mapping[str, Argument]
    results: tuple[Result, ...]
    released: tuple[str, ...] = ()

    def run(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Return result name → array; `BundleError` names the operation when its arguments do not fit."""
        try:
            arguments = {name: self._resolved(argument, tensors) for name, argument in self.arguments.items()}
            outcome = self.function(**arguments)
            values = outcome if isinstance(outcome, tuple) else (outcome,)
            return {r.name: r.stored(value) for r, value in zip(self.results, values, strict=True)}
        except _MISFITS as error:
            place = _place(self.operation, self.results, self.position)
            message = f"{place}: {type(error).__name__}: {error}; export the package again"
            raise refusal(message) from error

    def _resolved(self, argument: Argument, tensors: Mapping[str, Array]) -> Array | list[Array]:
        if isinstance(argument, list):
            return [self._operand(item, tensors) for item in argument]
        return self._operand(argument, tensors)

    def _operand(self, operand: Operand, tensors: Mapping[str, Array]) -> Array:
        if not isinstance(operand, str):
            return operand
        tensor = tensors[operand]
        return tensor if self.kind in (Kind.MOVES, Kind.DECODES) else widen(tensor)


@dataclass(frozen=True)
class Plan:
    """The steps of a function in their order, the names it returns, and constants among them (rare but legal)."""

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    constant_outputs: Mapping[str, Array]
    declared: Mapping[str, TensorType | None]


def make_plan(package: Package, function: Any, precision: Precision) -> Plan:
    """Plan a protobuf function; `BundleError` for whatever makes it impossible to run."""
    block = _block(package, function)
    builder = _Builder(package, precision, {message.name for message in function.inputs})
    for position, message in enumerate(block.operations):
        builder.add(position, message)
    outputs = tuple(block.outputs)
    for name in outputs:
        builder.require(name, f"{package.directory}: output {name}")
    constants = {name: builder.constants[name] for name in outputs if name in builder.constants}
    return Plan(_with_releases(builder.steps, outputs), outputs, constants, builder.declared)


def _block(package: Package, function: Any) -> Any:
    if function.opset not in function.block_specializations:
        found = ", ".join(function.block_specializations) or "none"
        raise refusal(f"{package.directory}: no block for opset {function.opset!r}, found {found}; export it again")
    return function.block_specializations[function.opset]


def _place(operation: str, results: Iterable[Result], position: int) -> str:
    return f"operation {operation!r} → {', '.join(r.name for r in results) or 'nothing'} (number {position})"


class _Builder:
    """Collects steps and constants while it walks over a block's operations."""

    def __init__(self, package: Package, precision: Precision, inputs: set[str]) -> None:
        self.steps: list[Step] = []
        self.constants: dict[str, Array] = {}
        self.declared: dict[str, TensorType | None] = {}
        self._package = package
        self._precision = precision
        self._inputs = inputs
        self._widened: dict[str, Array] = {}

    def add(self, position: int, message: Any) -> None:
        """Take the next operation: a constant is read, compressed weights are decoded, anything else is a step."""
        results = tuple(_result(output) for output in message.outputs)
        place = f"{self._package.directory}: {_place(message.type, results, position)}"
        self._declare(results, place)
        if message.type == "const":
            self._add_constant(message, results, place)
            return
        step = self._step(position, message, results, place)
        if step.kind is Kind.DECODES:
            self.constants |= step.run(self.constants)
        else:
            self.steps.append(step)

    def require(self, name: str, place: str) -> None:
        """Refuse a name that no input, constant or earlier step defines."""
        if name not in self._inputs and name not in self.declared:
            raise refusal(f"{place}: nothing before it defines {name!r}; export the package again")

    def _declare(self, results: tuple[Result, ...], place: str) -> None:
        for result in results:
            if result.name in self.declared or result.name in self._inputs:
                raise refusal(f"{place}: {result.name!r} is defined twice; export the package again")
            self.declared[result.name] = result.declared

    def _add_constant(self, message: Any, results: tuple[Result, ...], place: str) -> None:
        if "val" not in message.attributes or len(results) != 1:
            raise refusal(f"{place}: a constant needs one value and one result; export the package again")
        self.constants[results[0].name] = self._value(message.attributes["val"], place)

    def _step(self, position: int, message: Any, results: tuple[Result, ...], place: str) -> Step:
        operation = OPERATIONS.get(message.type)
        if operation is None:
            raise refusal(f"{place}: the interpreter lacks this operation; see runtimes/mil/operations.py")
        arguments = self._arguments(message, operation.kind, place)
        function = self._function(operation, results)
        try:
            inspect.signature(function).bind(**arguments)
        except TypeError as error:
            raise refusal(f"{place}: {error}; the interpreter does not know this form") from error
        return Step(position, message.type, operation.kind, function, arguments, results)

    def _function(self, operation: Operation, results: tuple[Result, ...]) -> Callable[..., Any]:
        if operation.kind is not Kind.COMPOSES or not results or results[0].declared is None:
            return operation.function
        return partial(operation.function, inner_rounding(self._precision, results[0].declared.data_type))

    def _arguments(self, message: Any, kind: Kind, place: str) -> dict[str, Argument]:
        arguments: dict[str, Argument] = {}
        for name, argument in message.inputs.items():
            operands = [self._operand(binding, kind, place) for binding in argument.arguments]
            if not operands:
                raise refusal(f"{place}: parameter {name} is empty; export the package again")
            arguments[name] = operands if name in _LISTS or len(operands) > 1 else operands[0]
        # iOS 16 writes the parameters of `constexpr_…` as attributes; every operation has the attribute `name`.
        named = {name: value for name, value in message.attributes.items() if name != "name"}
        return arguments | {name: self._value(value, place) for name, value in named.items()}

    def _operand(self, binding: Any, kind: Kind, place: str) -> Operand:
        if binding.WhichOneof("binding") == "value":
            constant = self._value(binding.value, place)
            return constant if kind in (Kind.MOVES, Kind.DECODES) else widen(constant)
        name = str(binding.name)
        self.require(name, place)
        if name not in self.constants:
            return name
        return self.constants[name] if kind in (Kind.MOVES, Kind.DECODES) else self._widen(name)

    def _widen(self, name: str) -> Array:
        if name not in self._widened:
            self._widened[name] = widen(self.constants[name])
        return self._widened[name]

    def _value(self, message: Any, place: str) -> Array:
        return read_value(message, self._package.blob_file, place)


def _result(message: Any) -> Result:
    dictionary = message.type.WhichOneof("type") == "dictionaryType"
    return Result(message.name, None if dictionary else TensorType.of(message.type, f"tensor {message.name}"))


def _with_releases(steps: list[Step], outputs: tuple[str, ...]) -> tuple[Step, ...]:
    """Mark, at each step, the tensors that neither a later step nor the caller reads."""
    kept = set(outputs)
    planned: list[Step] = []
    for step in reversed(steps):
        names = _names(step.arguments.values()) | {result.name for result in step.results}
        planned.append(replace(step, released=tuple(sorted(names - kept))))
        kept |= names
    return tuple(reversed(planned))


def _names(arguments: Iterable[Argument]) -> set[str]:
    operands = (item for argument in arguments for item in (argument if isinstance(argument, list) else [argument]))
    return {operand for operand in operands if isinstance(operand, str)}
