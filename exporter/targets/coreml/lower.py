"""Lowering a model to Core ML packages: options, their checks, layouts and functions.

| compute units | layout |
| --- | --- |
| all, cpu-and-ne | channels (B, C, 1, S): what the Neural Engine can take |
| cpu-and-gpu, cpu-only | rows (B, S, C), on iOS 18 with fused attention |

Lengths are fixed: a flexible one (`RangeDim`) cannot run on the Neural Engine, and several enumerated inputs are
refused below iOS 18. Several lengths become functions of one package that share their weights where the target has
that (iOS 18), the longest being the default; one package each where it has not.
"""

import threading
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from exporter.compression.product_quantization import product_quantise
from exporter.compression.weight_exceptions import NOTHING, Keep
from exporter.model.model import Model
from exporter.model.ops import Inputs
from exporter.targets.apple_options import (
    DEFAULT_COMPUTE_UNITS,
    DEFAULT_LENGTH,
    LAYOUTS,
    check_known,
    check_lengths,
)
from exporter.targets.coreml.metadata import Metadata, make_card
from exporter.targets.coreml.schemes import CoreMLScheme, find_scheme
from runtimes.bundle.reading import function_of
from runtimes.errors import LoweringError

if TYPE_CHECKING:
    from exporter.targets.coreml.dialect import Constants, Dialect, Ranges
    from exporter.targets.coreml.ops import MilOps
    from exporter.targets.coreml.package import Content
    from exporter.targets.coreml.weights import Encode

    _Package = tuple[str, Content, tuple[int, ...]]

DEPLOYMENT_TARGETS = ("iOS16", "iOS17", "iOS18", "iOS26")
DEFAULT_DEPLOYMENT_TARGET = "iOS17"
_ONE_PROGRAM = threading.Lock()
"""coremltools 9.0 builds every program on one stack of blocks of the whole process; two at once spoil each other."""


@dataclass(frozen=True)
class Options:
    """What is asked of a package beyond its scheme."""

    sequence_lengths: tuple[int, ...] = (DEFAULT_LENGTH,)
    compute_units: str = DEFAULT_COMPUTE_UNITS
    deployment_target: str = DEFAULT_DEPLOYMENT_TARGET
    keep: Keep = NOTHING

    @property
    def layout(self) -> str:
        """`channels` or `rows`."""
        return LAYOUTS[self.compute_units]

    @property
    def shares_weights(self) -> bool:
        """Whether several lengths become one package of several functions."""
        return len(self.sequence_lengths) > 1 and self.has("iOS18")

    def has(self, target: str) -> bool:
        """Whether the deployment target is `target` or a newer one."""
        return DEPLOYMENT_TARGETS.index(self.deployment_target) >= DEPLOYMENT_TARGETS.index(target)


def check(options: Options, scheme: str, positions: int) -> None:
    """Refuse what cannot be: UsageError for the call itself, LoweringError for what the target lacks."""
    check_known("coreml", "compute-units", options.compute_units, LAYOUTS)
    _check_target(options.deployment_target)
    chosen = find_scheme(scheme)
    if not options.has(chosen.oldest_target):
        raise LoweringError(
            f"coreml: {scheme} needs {chosen.oldest_target}; pass --deployment-target {chosen.oldest_target}"
        )
    check_lengths("coreml", options.sequence_lengths, positions)


def file_names(options: Options) -> list[str]:
    """Names of the packages that `lower` writes, in the order of the lengths."""
    if len(options.sequence_lengths) == 1 or options.shares_weights:
        return ["Model.mlpackage"]
    return [f"Model-{length}.mlpackage" for length in options.sequence_lengths]


def function_name(options: Options, length: int) -> str:
    """The function that takes `length` tokens: `main`, or in a package of several `length_128`."""
    return function_of(length) if options.shares_weights else "main"


def lower(
    model: Model,
    scheme: str,
    options: Options,
    metadata: Metadata,
    directory: Path,
    ranges: "Ranges | None" = None,
    encode: "Encode | None" = None,
) -> list[str]:
    """Write the packages of `model` into `directory`; return their names.

    `ranges` are the magnitudes that w8a8 rounds activations by (see `compression.activation_ranges`); `encode` makes
    the codes of the word table, where the scheme stores codes. Raises UsageError and LoweringError as `check` does, and
    LoweringError for a weight that float16 cannot hold.
    """
    check(options, scheme, model.geometry.positions)
    chosen = replace(find_scheme(scheme), keep=options.keep)
    if chosen.calibrated and not ranges:
        raise LoweringError(f"coreml: {scheme} needs activation ranges, and none were measured; calibrate on real text")
    from exporter.targets.coreml import package  # here, for it takes seconds to import coremltools

    plan = _Plan(chosen, options, ranges, encode or partial(product_quantise, narrow=chosen.narrow))
    with TemporaryDirectory() as folder:
        place = Path(folder)
        built = {length: _build(model, plan, length, place) for length in options.sequence_lengths}
        for name, content, lengths in _packages(built, options, place):
            package.describe(content.model, make_card(model, scheme, options.compute_units, metadata, lengths))
            package.write(content, directory / name)
    return file_names(options)


def _packages(built: "dict[int, Content]", options: Options, place: Path) -> "list[_Package]":
    """Name, content and lengths of each package."""
    from exporter.targets.coreml.package import merge

    names = file_names(options)
    if options.shares_weights:
        functions = {function_name(options, length): content for length, content in built.items()}
        with _ONE_PROGRAM:
            merged = merge(functions, function_name(options, max(built)), place / "merged.mlpackage")
        return [(names[0], merged, options.sequence_lengths)]
    return [(name, content, (length,)) for name, (length, content) in zip(names, built.items(), strict=True)]


@dataclass(frozen=True)
class _Plan:
    """What `lower` was asked, for every length."""

    scheme: CoreMLScheme
    options: Options
    ranges: "Ranges | None"
    encode: "Encode"


def _build(model: Model, plan: _Plan, length: int, place: Path) -> "Content":
    from exporter.targets.coreml.coremltools import ct, mb, types
    from exporter.targets.coreml.package import convert

    target = getattr(ct.target, plan.options.deployment_target)
    # One specification for each input: with one for all, coremltools 9.0 takes them for one input.
    specs = [mb.TensorSpec(shape=(1, length), dtype=types.int32) for _ in model.inputs]

    def build(*inputs: Any) -> tuple[Any, ...]:
        ops = _ops(plan)
        model.build(ops, Inputs(*inputs))
        return tuple(ops.outputs)

    def with_types(input_ids: Any, attention_mask: Any, token_type_ids: Any) -> tuple[Any, ...]:
        return build(input_ids, attention_mask, token_type_ids)

    def without_types(input_ids: Any, attention_mask: Any) -> tuple[Any, ...]:
        return build(input_ids, attention_mask)

    # coremltools reads the inputs' names off the function's parameters
    main = with_types if "token_type_ids" in model.inputs else without_types
    with _ONE_PROGRAM:
        program = mb.program(input_specs=specs, opset_version=target)(main)
        return convert(program, target, place / f"{length}.mlpackage")


def make_ops(mb: Any, weights: "Constants", options: Options, ranges: "Ranges") -> "MilOps":
    """The operations of the options' layout for `mb`, which is coremltools' builder or stands for it.

    `ranges` is empty where a scheme rounds no activations.
    """
    from exporter.targets.coreml.channels import ChannelsOps
    from exporter.targets.coreml.rows import RowsOps

    layout = {"channels": ChannelsOps, "rows": RowsOps}[options.layout]
    return layout(mb, weights, _dialect(options), ranges)


def _ops(plan: _Plan) -> "MilOps":
    from exporter.targets.coreml.coremltools import mb
    from exporter.targets.coreml.weights import WeightStore

    weights = WeightStore(plan.scheme, plan.options.has("iOS18"), plan.encode)
    return make_ops(mb, weights, plan.options, (plan.ranges or {}) if plan.scheme.calibrated else {})


def _dialect(options: Options) -> "Dialect":
    from exporter.targets.coreml.dialect import Dialect

    newer = options.has("iOS18")
    longest = max(options.sequence_lengths) if options.shares_weights else 0
    return Dialect(small_indices=options.has("iOS17"), fused_attention=newer, longest=longest)


def _check_target(name: str) -> None:
    number = name.removeprefix("iOS")
    if number.isdigit() and int(number) < 16:
        raise LoweringError(f"coreml: {name} is too old, weights in float16 and below need iOS16; pass it or a newer")
    check_known("coreml", "deployment-target", name, DEPLOYMENT_TARGETS)
