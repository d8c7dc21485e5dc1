"""The outline of a saved function: inputs, outputs and operations, without reading a weight."""

from dataclasses import dataclass

from runtimes.mil.package import Package
from runtimes.mil.refusal import refusal
from runtimes.mil.signature import InputSpec, TensorSpec, input_spec
from runtimes.mil.steps import Result


@dataclass(frozen=True)
class Outline:
    """Inputs, outputs, and the kinds of the operations that run, in their order: constants are none of them."""

    inputs: tuple[InputSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operations: tuple[str, ...]


def outline(package: Package, function: str | None = None) -> Outline:
    """Read the outline of a function; None is the default one. Raises `BundleError` for what is no function."""
    name, message = package.function(function)
    features, block = package.input_features(name), package.block(message)
    inputs = tuple(input_spec(one, features.get(one.name)) for one in message.inputs)
    results = [Result.of(output) for operation in block.operations for output in operation.outputs]
    specs = {one.name: output_spec(one) for one in results} | {spec.name: as_tensor(spec) for spec in inputs}
    missing = next((output for output in block.outputs if output not in specs), None)
    if missing is not None:
        raise refusal(f"{package.directory}: nothing defines the output {missing!r}; export the package again")
    kinds = [one.type for one in block.operations if one.type != "const" and not one.type.startswith("constexpr_")]
    return Outline(inputs, tuple(specs[output] for output in block.outputs), tuple(kinds))


def as_tensor(spec: TensorSpec) -> TensorSpec:
    """An input that is put out as it is."""
    return TensorSpec(spec.name, spec.dtype, spec.shape)


def output_spec(result: Result) -> TensorSpec:
    """What a result is; the dictionary of a classifier has no shape."""
    if result.declared is None:
        return TensorSpec(result.name, "dictionary", (None,))
    return TensorSpec(result.name, result.declared.data_type.name, result.declared.shape)
