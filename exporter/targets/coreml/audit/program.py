"""Audit of a saved program: its operations against those that lowering the recipe records."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from exporter.targets.audit.tally import Tally
from exporter.targets.coreml.audit.recorder import Recorded
from exporter.targets.coreml.audit.shapes import DEFAULTS, Kind, Tensor
from exporter.targets.coreml.names import canonical_name
from runtimes.errors import BundleError
from runtimes.mil.datatypes import BY_NAME
from runtimes.mil.listing import Constant, Listed, Listing, Operand
from runtimes.mil.values import TensorType


def compare_operations(listing: Listing, wanted: list[Recorded], outputs: tuple[str, ...], tally: Tally) -> None:
    """Note every operation that is missing, is not asked for, or does something else than what is asked."""
    found = {one.name: one for one in listing.operations if not one.type.startswith("constexpr_")}
    expected = {one.name: one for one in wanted}
    for name in found.keys() - expected.keys():
        tally.find(_ours(name, outputs), f"expected no such operation, found {found[name].type}")
    for name, one in expected.items():
        tally.operators += 1
        if name not in found:
            tally.find(_ours(name, outputs), f"expected {one.type}, found no operation of this name")
            continue
        for problem in _differences(listing, one, found[name]):
            tally.find(_ours(name, outputs), problem)


def _ours(name: str, outputs: tuple[str, ...]) -> str:
    return canonical_name(name, outputs)


def _differences(listing: Listing, wanted: Recorded, found: Listed) -> list[str]:
    if found.type != wanted.type:
        return [f"expected {wanted.type}, found {found.type}"]
    problems = [f"expected no inner blocks, found {found.blocks}"] if found.blocks else []
    kinds = [(one.name, (one.dtype, one.shape)) for one in wanted.results]
    declared = [(name, kind_of(one)) for name, one in found.results]
    if kinds != declared:
        problems.append(f"{wanted.type}: expected the results {_listed(kinds)}, found {_listed(declared)}")
    defaults = DEFAULTS.get(wanted.type, {})
    for name in sorted({*wanted.arguments, *found.arguments}):
        problem = _argument(listing, name, wanted.arguments, found.arguments, defaults)
        if problem:
            problems.append(f"{wanted.type}, {name}: {problem}")
    return problems


def kind_of(declared: TensorType | None) -> Kind:
    """Type and shape as the recorder has them; an unknown size, which no program of ours has, is −1."""
    if declared is None:
        return "no tensor", ()
    return declared.data_type.name, tuple(-1 if size is None else size for size in declared.shape)


def _listed(kinds: list[tuple[str, Kind]]) -> str:
    return ", ".join(f"{name} {dtype} {list(shape)}" for name, (dtype, shape) in kinds)


def _argument(
    listing: Listing,
    name: str,
    wanted: Mapping[str, Any],
    found: Mapping[str, tuple[Operand, ...]],
    defaults: Mapping[str, Any],
) -> str:
    """What is wrong with one argument; empty where nothing is."""
    if name not in found:
        given = wanted[name]
        return "" if name in defaults and np.all(np.asarray(given) == defaults[name]) else "expected, and not found"
    if name not in wanted:
        if name not in defaults:
            return "expected no such parameter"
        return _value(found[name], defaults[name], uniform=True)
    given = wanted[name]
    if isinstance(given, Tensor):
        return _edges(listing, found[name], [given])
    if isinstance(given, list) and given and isinstance(given[0], Tensor):
        return _edges(listing, found[name], given)
    return _value(found[name], given)


def _edges(listing: Listing, found: tuple[Operand, ...], wanted: list[Tensor]) -> str:
    """Compare which tensors are read; a plain weight is the very constant that was compared under its name."""
    same = len(found) == len(wanted) and all(
        one == other.name or (isinstance(one, Constant) and one is listing.constants.get(other.name))
        for one, other in zip(found, wanted, strict=True)
    )
    return "" if same else f"expected {', '.join(one.name for one in wanted)}, found {_told(listing, found)}"


def _told(listing: Listing, found: tuple[Operand, ...]) -> str:
    names = {id(constant): name for name, constant in listing.constants.items()}
    return ", ".join(one if isinstance(one, str) else names.get(id(one), "a value") for one in found) or "nothing"


def _value(found: tuple[Operand, ...], wanted: Any, *, uniform: bool = False) -> str:
    """Compare a constant with the number, text or list that is asked for; `uniform`: each of its elements."""
    if len(found) != 1 or not isinstance(found[0], Constant):
        return f"expected {_shown(wanted)}, found a tensor of the program"
    try:
        values = found[0].read()
    except BundleError as error:
        return str(error)
    declared, expected = found[0].declared, np.asarray(wanted)
    if (
        declared is not None
        and isinstance(wanted, np.generic)
        and declared.data_type is not BY_NAME[_TYPES[expected.dtype.name]]
    ):
        return f"expected {_TYPES[expected.dtype.name]}, found {declared.data_type.name}"
    same_kind = values.dtype.kind == expected.dtype.kind
    same = bool(np.all(values == expected)) if uniform else np.array_equal(values, expected)
    return "" if same and (same_kind or uniform) else f"expected {_shown(wanted)}, found {_shown(values.tolist())}"


_TYPES = {"float16": "fp16", "float32": "fp32", "int32": "int32"}


def _shown(value: Any) -> str:
    text = str(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


_MOST = 80
