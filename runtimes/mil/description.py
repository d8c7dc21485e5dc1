"""Checking a package's description against its program: Apple's runtime believes the description.

Names, types and shapes of inputs and outputs of every function, the default function, and a specification version that
knows the operations. Of any package, whoever made it. Rules: Apple's `Model.proto` and `FeatureTypes.proto`, and the
registry of operations of coremltools 9.0.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtimes.mil.listing import Listed, Listing, list_function
from runtimes.mil.package import SPECIFICATION_VERSIONS, Package
from runtimes.mil.values import Dimensions, TensorType

_ELEMENTS = {65552: "fp16", 65568: "fp32", 65600: "fp64", 131104: "int32", 131080: "int8"}
"""ArrayFeatureType.ArrayDataType → our name of the type."""
_OPSETS = {"CoreML5": 6, "CoreML6": 7, "CoreML7": 8, "CoreML8": 9, "CoreML9": 10}
"""Set of operations → the specification version that brought it."""
_FUNCTIONS = 9
"""The specification version that brought packages of several functions."""
_SINCE = {
    "constexpr_affine_dequantize": 7,
    "constexpr_cast": 7,
    "constexpr_lut_to_dense": 7,
    "constexpr_sparse_to_dense": 7,
    "fill_like": 7,
    "reshape_like": 7,
    "dequantize": 8,
    "quantize": 8,
    "constexpr_blockwise_shift_scale": 9,
    "constexpr_lut_to_sparse": 9,
    "constexpr_sparse_blockwise_shift_scale": 9,
    "scaled_dot_product_attention": 9,
}
"""Operation → the specification version that brought it; the first has all others."""
_PARAMETERS_SINCE = {"batch_dims": 7, "validate_indices": 8, "output_indices_dtype": 8, "vector_axis": 9}
_TYPES_SINCE = {"uint8": 8, "int8": 8, "uint16": 8, "int16": 8, "int4": 9, "uint6": 9, "uint4": 9}
"""Element type of what an operation gives or takes → the specification version that computes with it."""


@dataclass(frozen=True)
class Disagreement:
    """One thing that the description says otherwise than the program."""

    subject: str
    problem: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.subject}: {self.problem}"


def disagreements(package: Package) -> list[Disagreement]:
    """All that a package's description and its program do not agree on. Raises BundleError for what cannot be read."""
    return [*_functions(package), *_version(package)]


def _functions(package: Package) -> Iterator[Disagreement]:
    description, names = package.model.description, package.functions
    described = {one.name: one for one in description.functions}
    default = description.defaultFunctionName or "main"
    if default not in names:
        yield Disagreement("default function", f"expected one of {', '.join(names) or 'none'}, found {default}")
    if not described:
        yield from _features("", description, package, names[0] if names else None)
        return
    if described.keys() != set(names):
        found, expected = ", ".join(sorted(described)), ", ".join(sorted(names))
        yield Disagreement("functions", f"expected {expected} as in the program, found {found} in the description")
    for name in described.keys() & set(names):
        yield from _features(f"{name}.", described[name], package, name)


def _features(lead: str, described: Any, package: Package, function: str | None) -> Iterator[Disagreement]:
    listing = list_function(package, function)
    declared, constants = listing.declared, listing.constants
    outputs = {
        name: declared.get(name, constants[name].declared if name in constants else None) for name in listing.outputs
    }
    yield from _side(f"{lead}input", described.input, dict(listing.inputs))
    yield from _side(f"{lead}output", described.output, outputs)


def _side(
    kind: str, described: Any, declared: "dict[str, TensorType | None] | dict[str, TensorType]"
) -> Iterator[Disagreement]:
    found = {feature.name: feature for feature in described}
    for name in declared.keys() - found.keys():
        listed = ", ".join(found) or "none"
        yield Disagreement(f"{kind} {name}", f"is in the program, and the description has {listed}")
    for name in found.keys() - declared.keys():
        listed = ", ".join(declared) or "none"
        yield Disagreement(f"{kind} {name}", f"is in the description, and the program has {listed}")
    if found.keys() == declared.keys() and list(found) != list(declared):
        orders = f"are {', '.join(declared)} in the program, {', '.join(found)} in the description"
        yield Disagreement(f"{kind}s", orders)
    for name in found.keys() & declared.keys():
        problem = _feature(found[name].type, declared[name])
        if problem:
            yield Disagreement(f"{kind} {name}", problem)


def _feature(described: Any, declared: TensorType | None) -> str:
    """What is wrong with one description; empty where nothing is.

    What is no array, such as an image, is left alone, and so is an array without a shape: outputs may be described so.
    """
    if described.WhichOneof("Type") != "multiArrayType" or declared is None:
        return ""
    array = described.multiArrayType
    found = _ELEMENTS.get(array.dataType, f"type {array.dataType}")
    if found != declared.data_type.name:
        return f"the program has {declared.data_type.name}, the description {found}"
    shape = tuple(array.shape)
    if shape and not _fits(shape, declared.shape):
        return f"the program has the shape {_listed(declared.shape)}, the description {list(shape)}"
    if array.WhichOneof("ShapeFlexibility") and None not in declared.shape:
        return f"the program has the shape {_listed(declared.shape)} alone, the description several"
    return ""


def _fits(described: tuple[int, ...], declared: Dimensions) -> bool:
    return len(described) == len(declared) and all(
        size is None or size == n for size, n in zip(declared, described, strict=True)
    )


def _listed(shape: Dimensions) -> str:
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def _version(package: Package) -> Iterator[Disagreement]:
    """What needs a later specification version than the package states."""
    stated = package.specification_version
    needs = [(_FUNCTIONS, "several functions")] if len(package.functions) > 1 else []
    for function in package.functions:
        needs += _needs(list_function(package, function))
    version, what = max(needs, default=(0, ""))
    if version > stated:
        system, own = SPECIFICATION_VERSIONS[version], SPECIFICATION_VERSIONS.get(stated, "unknown")
        yield Disagreement("specification version", f"{what} needs {version} ({system}), found {stated} ({own})")


def _needs(listing: Listing) -> list[tuple[int, str]]:
    """Specification versions, and what each is needed for."""
    needs = [(_OPSETS.get(listing.opset, 0), f"the operations of {listing.opset}")]
    return needs + [one for operation in listing.operations for one in _needs_of(operation)]


def _needs_of(operation: Listed) -> Iterator[tuple[int, str]]:
    yield _SINCE.get(operation.type, 0), operation.type
    for name in operation.arguments:
        yield _PARAMETERS_SINCE.get(name, 0), f"{name} of {operation.type}"
    if not operation.type.startswith("constexpr_"):
        for name, declared in operation.results:
            if declared is not None:
                yield _TYPES_SINCE.get(declared.data_type.name, 0), f"{declared.data_type.name} of {name}"
