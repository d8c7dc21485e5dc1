"""The interpreter: one function of a saved package, executed in numpy on any system."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import ThreadpoolController

from runtimes.mil import budget
from runtimes.mil.datatypes import Array
from runtimes.mil.numerics import PRECISIONS, Precision
from runtimes.mil.outline import as_tensor, output_spec
from runtimes.mil.package import Metadata, Package, read_package
from runtimes.mil.plan import Plan, make_plan
from runtimes.mil.refusal import refusal
from runtimes.mil.signature import InputSpec, TensorSpec, check_feeds, input_spec
from runtimes.mil.steps import Demand, Result, Step
from runtimes.process.blas_lock import BLAS_LIMIT

# Finds the loaded BLAS libraries once: a fifth of a millisecond, against microseconds to set their limits.
_BLAS = ThreadpoolController()


@dataclass(frozen=True)
class Program:
    """An opened function: what it takes, what it gives, and the steps between. Made by `open_package`."""

    package: Package
    function: str
    precision: Precision
    inputs: tuple[InputSpec, ...]
    outputs: tuple[TensorSpec, ...]
    _plan: Plan

    @property
    def functions(self) -> tuple[str, ...]:
        """Names of all functions of the package, the default one first."""
        return self.package.functions

    @property
    def metadata(self) -> Metadata:
        """What the package says of itself."""
        return self.package.metadata

    @property
    def steps(self) -> tuple[Step, ...]:
        """The operations in their order, with their arguments and declared results."""
        return self._plan.steps

    def run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return output name → array, in the declared types.

        Feeds are arrays by input name, in shapes that the input allows. `BundleError` for feeds that do not fit, an
        index outside its axis, or results of another shape than the program declares.
        """
        tensors = self._execute(feeds, keep_all=False)
        return {name: tensors[name] for name in self._plan.outputs}

    def trace(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return every tensor that an operation yields, outputs among them, by its name in the program."""
        tensors = self._execute(feeds, keep_all=True)
        return {result.name: tensors[result.name] for step in self.steps for result in step.results}

    def _execute(self, feeds: Mapping[str, Array], *, keep_all: bool) -> dict[str, Array]:
        tensors = check_feeds(self.inputs, feeds) | dict(self._plan.constant_outputs)
        account = Account(budget.TRACE_BYTES if keep_all else budget.MEMORY_BYTES)
        # A second BLAS thread makes products this small slower, by far on a busy machine. Overflow to infinity and
        # NaN are results like others here: they must reach the parity check, not a warning. Threads take turns.
        with BLAS_LIMIT, _BLAS.limit(limits=1, user_api="blas"), np.errstate(all="ignore"):
            for step in self.steps:
                made = step.run(tensors, account.afford)
                account.hold(made.values())
                tensors |= made
                for name in () if keep_all else step.released:
                    account.release(tensors.pop(name))
        return tensors


class Account:
    """What a run has spent: memory alive and work done, in the terms of `runtimes.mil.budget`."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes, self._alive_bytes, self._work_s = most_bytes, 0, 0.0

    def afford(self, demand: Demand) -> None:
        """Take up the demand of the next operation. Raises `OverBudgetError` where that is too much."""
        budget.check_memory(demand.memory_bytes, self._alive_bytes, self._most_bytes)
        self._work_s += demand.work_s
        budget.check_work(self._work_s)

    def hold(self, tensors: Iterable[Array]) -> None:
        """Count tensors that stay."""
        self._alive_bytes += sum(tensor.nbytes for tensor in tensors)

    def release(self, tensor: Array) -> None:
        """Count one no more."""
        self._alive_bytes -= tensor.nbytes


def open_package(path: str | Path, function: str | None = None, precision: Precision = "declared") -> Program:
    """Open one function of the `.mlpackage` at `path`; None is the package's default function.

    `precision` says where results are rounded, see `runtimes.mil.numerics`. Raises `BundleError` for a package that is
    damaged, of a kind or version that is not known, or that uses an operation the interpreter lacks, and
    `RuntimeUnavailable` where coremltools is not installed.
    """
    if precision not in PRECISIONS:
        raise refusal(f"mil: precision {precision!r}, expected one of {', '.join(PRECISIONS)}")
    package = read_package(path)
    name, message = package.function(function)
    features = package.input_features(name)
    inputs = tuple(input_spec(one, features.get(one.name)) for one in message.inputs)
    with np.errstate(all="ignore"):
        plan = make_plan(package, message, precision)
    return Program(package, name, precision, inputs, _outputs(plan, inputs), plan)


def _outputs(plan: Plan, inputs: tuple[InputSpec, ...]) -> tuple[TensorSpec, ...]:
    specs = {spec.name: as_tensor(spec) for spec in inputs}
    return tuple(specs.get(name) or output_spec(Result(name, plan.declared[name])) for name in plan.outputs)
