"""Planning a run: from the operations of a function to executable steps.

Everything that can be wrong with a program is found here, when it is opened: an operation we lack, a parameter it does
not have, a name that nothing defines, a constant that is not in the weight file. Constants are read and compressed
weights decoded once; float16 constants of operations that compute are widened once; what only decoding needed is let
go.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from runtimes.mil.budget import Decoding, OverBudgetError
from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import Precision, inner_rounding, widen
from runtimes.mil.ops.registry import OPERATIONS, Kind, Operation
from runtimes.mil.package import Package
from runtimes.mil.refusal import refusal
from runtimes.mil.steps import Argument, Operand, Result, Step, names_in, place_of, with_demands
from runtimes.mil.values import TensorType, read_value, unpacked_bytes

# Parameters that are lists of tensors even when they hold one.
_LISTS = frozenset({"values", "ref_tensors", "begins", "ends", "end_masks"})


@dataclass(frozen=True)
class Plan:
    """The steps of a function in their order, the names it returns, and constants among them (rare but legal)."""

    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    constant_outputs: Mapping[str, Array]
    declared: Mapping[str, TensorType | None]


def make_plan(package: Package, function: Any, precision: Precision) -> Plan:
    """Plan a protobuf function; `BundleError` for whatever makes it impossible to run."""
    block = package.block(function)
    builder = _Builder(package, precision, {message.name for message in function.inputs})
    for position, message in enumerate(block.operations):
        builder.add(position, message)
    outputs = tuple(block.outputs)
    for name in outputs:
        builder.require(name, f"{package.directory}: output {name}")
    constants = {name: builder.constants[name] for name in outputs if name in builder.constants}
    types = {message.name: Result.of(message).declared for message in function.inputs} | builder.declared
    steps = with_demands(builder.steps, types)
    return Plan(_with_releases(steps, outputs), outputs, constants, builder.declared)


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
        self._decoding = Decoding(package.size_bytes)

    def add(self, position: int, message: Any) -> None:
        """Take the next operation: a constant is read, compressed weights are decoded, anything else is a step."""
        results = tuple(Result.of(output) for output in message.outputs)
        place = f"{self._package.directory}: {place_of(message.type, results, position)}"
        self._declare(results, place)
        if message.type == "const":
            self._add_constant(message, results, place)
            return
        step = self._step(position, message, results, place)
        if step.kind is not Kind.DECODES:
            self.steps.append(step)
            return
        decoded = step.run(self.constants, lambda demand: self._decoding.require(demand.memory_bytes))
        self.constants |= decoded
        for values in decoded.values():
            self._decoding.take(values)

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
            raise refusal(f"{place}: the interpreter lacks this operation; see runtimes/mil/ops/registry.py")
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
            return constant if kind in (Kind.MOVES, Kind.DECODES) else self._counted(constant, place)
        name = str(binding.name)
        self.require(name, place)
        if name not in self.constants:
            return name
        return self.constants[name] if kind in (Kind.MOVES, Kind.DECODES) else self._widen(name)

    def _widen(self, name: str) -> Array:
        if name not in self._widened:
            self._widened[name] = self._counted(self.constants[name], name)
        return self._widened[name]

    def _counted(self, constant: Array, place: str) -> Array:
        """A constant in float32, if it is a float16 one: counted where that takes memory."""
        if constant.dtype != np.float16:
            return constant
        self._afford(2 * constant.nbytes, place)
        wide = widen(constant)
        self._decoding.take(wide)
        return wide

    def _value(self, message: Any, place: str) -> Array:
        self._afford(unpacked_bytes(message, place), place)
        values = read_value(message, self._package.blob_file, place)
        if values.flags.owndata:
            self._decoding.take(values)
        return values

    def _afford(self, needed_bytes: int, place: str) -> None:
        try:
            self._decoding.require(needed_bytes)
        except OverBudgetError as error:
            raise refusal(f"{place}: {error}; export the package again") from error


def _with_releases(steps: list[Step], outputs: tuple[str, ...]) -> tuple[Step, ...]:
    """Mark, at each step, the tensors that neither a later step nor the caller reads."""
    kept = set(outputs)
    planned: list[Step] = []
    for step in reversed(steps):
        names = names_in(step.arguments.values()) | {result.name for result in step.results}
        planned.append(replace(step, released=tuple(sorted(names - kept))))
        kept |= names
    return tuple(reversed(planned))
