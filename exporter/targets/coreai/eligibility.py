"""What keeps an operation of an asset from the Neural Engine, by published rules: eligibility, never placement.

The rules are those that Core ML's packages are held to (see `runtimes.mil.eligibility`), and one more: public reports
call products of matrices [S, C] in float16 inexact there.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.targets.coreai.weights import RECOVERED
from runtimes.mil.eligibility import LANES, MAX_RANK, MAX_SIZE

_TENSOR = re.compile(r"tensor<((?:\d+x)*)(\w+)>")
_CONSTANTS = ("constant", "blockwise_shift_scale", "lut_to_dense")


@dataclass(frozen=True)
class _Made:
    """What an operation makes, and what it reads and becomes."""

    kind: str
    element: str
    shape: tuple[int, ...]
    put_out: bool
    of_a_weight: bool


def obstacles(graphs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[tuple[str, str]]:
    """(kind and name of an operation, what speaks against it), in the order of the program; each once."""
    found = [one for operations in graphs.values() for one in _in_graph(operations)]
    return list(dict.fromkeys(found))


def _in_graph(operations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    outputs = {
        source.rpartition(" ")[0] for one in operations if one["kind"] == "coreai.output" for source in one["operands"]
    }
    for one in operations:
        kind = one["kind"].rpartition(".")[2]
        for result in one["results"] if kind not in _CONSTANTS else ():
            if matched := _TENSOR.fullmatch(result):
                shape = tuple(int(size) for size in matched[1].split("x") if size)
                made = _Made(kind, matched[2], shape, one["name"] in outputs, any(map(_is_weight, one["operands"])))
                subject = f"{kind} {one['name']}"
                yield from ((subject, problem) for rule in _RULES for problem in rule(made))


def _is_weight(source: str) -> bool:
    """A constant, or one that was recovered from integers or a palette."""
    return source.startswith("dense_resource<") or source.rpartition(" ")[0].endswith(RECOVERED)


def _large(made: _Made) -> Iterator[str]:
    if len(made.shape) > MAX_RANK:
        yield f"rank {len(made.shape)}, more than {MAX_RANK}"
    if any(size > MAX_SIZE for size in made.shape):
        yield f"shape {list(made.shape)} has an axis longer than {MAX_SIZE}"


def _thin(made: _Made) -> Iterator[str]:
    if len(made.shape) >= 3 and made.element == "f16" and made.shape[-1] < LANES:
        yield f"last axis of {made.shape[-1]} takes the room of {LANES}"


def _wide(made: _Made) -> Iterator[str]:
    if made.element == "f32" and not made.put_out:
        yield "float32; only float16 runs there"


def _gathered(made: _Made) -> Iterator[str]:
    if made.kind == "gather_nd":
        yield "gathers by int32 indices; 16-bit ones run"


def _rows(made: _Made) -> Iterator[str]:
    if made.kind == "batch_matmul" and made.of_a_weight:
        yield "a product of rows [S, C], reported to be inexact there; 1×1 convolutions over (B, C, 1, S) suit it"


_RULES: tuple[Callable[[_Made], Iterator[str]], ...] = (_large, _thin, _wide, _gathered, _rows)
