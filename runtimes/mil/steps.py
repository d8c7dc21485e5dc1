"""The steps of a run: an operation, its arguments, and what it yields."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from runtimes.mil import budget
from runtimes.mil.budget import OverBudgetError
from runtimes.mil.datatypes import STRING, Array
from runtimes.mil.numerics import widen
from runtimes.mil.ops.registry import Kind
from runtimes.mil.refusal import refusal
from runtimes.mil.values import TensorType

# A run-time tensor by name, or a constant.
Operand: TypeAlias = str | Array
Argument: TypeAlias = Operand | list[Operand]

# Arguments of which an operation's size takes the shape alone; of any other it may take the values.
_TENSORS = frozenset(
    {
        "x",
        "y",
        "a",
        "b",
        "cond",
        "values",
        "indices",
        "query",
        "key",
        "value",
        "attn_mask",
        "input",
        "bias",
        "ref_tensor",
    }
)


@dataclass(frozen=True)
class Result:
    """A tensor that a step yields; `declared` is None for the dictionary of a classifier."""

    name: str
    declared: TensorType | None

    @classmethod
    def of(cls, message: Any) -> "Result":
        """Read a protobuf `NamedValueType`. Raises `BundleError` for a type that is not known."""
        dictionary = message.type.WhichOneof("type") == "dictionaryType"
        return cls(message.name, None if dictionary else TensorType.of(message.type, f"tensor {message.name}"))

    def stored(self, value: Array) -> Array:
        """Return `value` in the declared type; `ValueError` when its shape is another than declared."""
        array = np.asarray(value)
        budget.check_shape(array.shape, f"result {self.name}")
        if self.declared is None:
            return array
        sizes = self.declared.shape
        if len(sizes) != array.ndim or any(s not in (None, n) for s, n in zip(sizes, array.shape, strict=True)):
            raise ValueError(f"result {self.name} has shape {array.shape}, the program declares {sizes}")
        return array.astype(self.declared.data_type.dtype, copy=False)


class Demand(NamedTuple):
    """What an operation needs beside its arguments: bytes, and nominal seconds."""

    memory_bytes: int
    work_s: float


@dataclass(frozen=True)
class Step:
    """One operation, ready to run: its function, its arguments, its results, and the tensors no later step needs.

    `demand` is what it needs where that is known before a run.
    """

    position: int
    operation: str
    kind: Kind
    function: Callable[..., Any]
    arguments: Mapping[str, Argument]
    results: tuple[Result, ...]
    released: tuple[str, ...] = ()
    demand: Demand | None = None

    def run(self, tensors: Mapping[str, Array], afford: Callable[[Demand], None]) -> dict[str, Array]:
        """Return result name → array; `afford` raises `OverBudgetError` for what may not be spent.

        `BundleError` names the operation when its arguments do not fit, or when it asks for too much.
        """
        with self.refused():
            arguments = self.resolved(tensors)
            afford(self.demand or self.asks(arguments))
            outcome = self.function(**arguments)
            values = outcome if isinstance(outcome, tuple) else (outcome,)
            return {r.name: r.stored(value) for r, value in zip(self.results, values, strict=True)}

    @contextmanager
    def refused(self) -> Iterator[None]:
        """Tell of whatever goes wrong inside which operation it was: numpy raises what it likes for what misfits."""
        try:
            yield
        except OverBudgetError as error:
            raise refusal(f"{self.place}: {error}; no encoder of text needs that: export the package again") from error
        except Exception as error:
            message = f"{self.place}: {type(error).__name__}: {error}; export the package again"
            raise refusal(message) from error

    @property
    def place(self) -> str:
        """What people find the operation by."""
        return place_of(self.operation, self.results, self.position)

    def asks(self, arguments: Mapping[str, Any]) -> Demand:
        """What the operation needs for these arguments, of which shapes and constants count."""
        size = budget.measured(self.operation, arguments)
        return Demand(budget.held_bytes(self.operation, size), budget.work_s(self.operation, size, arguments))

    def resolved(self, tensors: Mapping[str, Array]) -> dict[str, Array | list[Array]]:
        """The arguments, with tensors in the place of their names."""
        return {name: self._resolved(argument, tensors) for name, argument in self.arguments.items()}

    def _resolved(self, argument: Argument, tensors: Mapping[str, Array]) -> Array | list[Array]:
        if isinstance(argument, list):
            return [self._operand(item, tensors) for item in argument]
        return self._operand(argument, tensors)

    def _operand(self, operand: Operand, tensors: Mapping[str, Array]) -> Array:
        if not isinstance(operand, str):
            return operand
        tensor = tensors[operand]
        return tensor if self.kind in (Kind.MOVES, Kind.DECODES) else widen(tensor)


def place_of(operation: str, results: Iterable[Result], position: int) -> str:
    """What people find an operation by."""
    return f"operation {operation!r} → {', '.join(r.name for r in results) or 'nothing'} (number {position})"


def with_demands(steps: list[Step], types: Mapping[str, TensorType | None]) -> list[Step]:
    """Judge what shapes and constants tell of a run before it starts: each step's demand, and the work of all.

    A step's shapes are those that the program declares, which every run holds its tensors against.
    """
    planned, total_s = [], 0.0
    for step in steps:
        with step.refused():
            demand = _demand(step, types)
            if demand is not None:
                total_s += demand.work_s
                budget.check_memory(demand.memory_bytes, 0, budget.MEMORY_BYTES)
                budget.check_work(total_s)
        planned.append(replace(step, demand=demand))
    return planned


def _demand(step: Step, types: Mapping[str, TensorType | None]) -> Demand | None:
    """None where a shape, or a value that makes one, is known only in a run."""
    named = {name: step.arguments[name] for name in step.arguments if names_in([step.arguments[name]])}
    declared = [types.get(tensor) for tensor in names_in(named.values())]
    if not named.keys() <= _TENSORS or any(one is None or None in one.shape for one in declared):
        return None
    return step.asks(step.resolved({name: _stand_in(types[name]) for name in names_in(named.values())}))


def _stand_in(declared: TensorType | None) -> Array:
    """A tensor of the declared shape that takes no memory."""
    if declared is None or declared.data_type is STRING:
        raise ValueError("a text where numbers are expected")
    wide = np.float32 if declared.data_type.dtype == np.float16 else declared.data_type.dtype
    return np.broadcast_to(np.zeros((), wide), [size or 0 for size in declared.shape])


def names_in(arguments: Iterable[Argument]) -> set[str]:
    """The tensors that arguments name."""
    operands = (item for argument in arguments for item in (argument if isinstance(argument, list) else [argument]))
    return {operand for operand in operands if isinstance(operand, str)}
