"""The modules that take longest come first: one that begins last keeps its worker while the others have nothing."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

HERE = Path(__file__).parent
LONGEST = (
    "exporter/appkit/ios/test_swift.py",
    "exporter/appkit/android/test_emit.py",
    "exporter/appkit/android/test_litert.py",
    "exporter/appkit/web/test_emit.py",
    "test_commands_contract.py",
    "runtimes/backends/onnx/test_processors.py",
    "runtimes/backends/litert/test_processors.py",
    "exporter/model/families/test_families.py",
    "exporter/verification/test_tasks.py",
    "test_wheel.py",
    "interop/test_optimum.py",
    "exporter/finetuning/test_finetune.py",
)


class Found(Protocol):
    """A test, as pytest has it."""

    path: Path


T = TypeVar("T", bound=Found)


def longest_first(items: Iterable[T]) -> list[T]:
    """The tests of LONGEST in its order, then all others in their own."""
    places = {HERE / PurePosixPath(name): number for number, name in enumerate(LONGEST)}
    return sorted(items, key=lambda item: places.get(item.path, len(places)))
