"""A stand-in for coremltools' builder that records operations instead of building a program.

`Recorder` has an attribute for every operation that the Core ML target uses, and each gives tensors of the type and
shape that coremltools' builder would give. Importing coremltools takes a second and 100 MB; this takes neither.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from exporter.targets.coreml.audit.shapes import RESULTS, Tensor


@dataclass(frozen=True)
class Recorded:
    """One operation: its results, and its arguments as they were given: tensors, numbers, texts and lists of them."""

    type: str
    results: tuple[Tensor, ...]
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What the operation was called, and its only result is."""
        return self.results[0].name


@dataclass
class Recorder:
    """The builder `mb` of a ops."""

    operations: list[Recorded] = field(default_factory=list)

    def __getattr__(self, operation: str) -> Callable[..., Any]:
        """Any operation of the builder. Raises AttributeError for one whose result's shape is not known here."""
        if operation not in RESULTS:
            raise AttributeError(f"the recorder has no {operation}; give it one in auditing/coreml_shapes.py")
        return partial(self._record, operation)

    def _record(self, operation: str, *, name: str, **arguments: Any) -> Any:
        found = RESULTS[operation](**arguments)
        several = isinstance(found, list)
        kinds = found if several else [found]
        names = [f"{name}_{number}" for number in range(len(kinds))] if several else [name]
        tensors = tuple(Tensor(one, *kind) for one, kind in zip(names, kinds, strict=True))
        self.operations.append(Recorded(operation, tensors, arguments))
        return list(tensors) if several else tensors[0]
