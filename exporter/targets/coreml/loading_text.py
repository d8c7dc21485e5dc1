"""How a Core ML bundle is loaded: a part of its card."""

from runtimes.bundle.reading import Bundle

_SWIFT_UNITS = {
    "all": "all",
    "cpu-and-ne": "cpuAndNeuralEngine",
    "cpu-and-gpu": "cpuAndGPU",
    "cpu-only": "cpuOnly",
}
_ONE_BY_ONE = ", one choice at a time, all of a text at one length"
_LOADING = """\
Drag `{model}` into Xcode, or load it where it lies:

```swift
let configuration = MLModelConfiguration()
configuration.computeUnits = .{units}
let model = try MLModel(contentsOf: MLModel.compileModel(at: url), configuration: configuration)
```

Inputs are int32 [1, length], padded with id {pad} and masked with 0{choices}; scores come before softmax, labels in
the order above. `golden.json` holds texts with their ids and the outputs that PyTorch gives, to be replayed on the
device."""


def loading_text(bundle: Bundle) -> str:
    """Swift that loads the package, and what its inputs are."""
    manifest = bundle.manifest
    return _LOADING.format(
        choices=_ONE_BY_ONE if manifest.problem == "multiple_choice" else "",
        model=manifest.models[0],
        pad=manifest.pad_id,
        units=_SWIFT_UNITS.get(str(manifest.recipe.options.get("compute_units")), ""),
    )
