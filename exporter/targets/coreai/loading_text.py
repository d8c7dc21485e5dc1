"""How a Core AI bundle is loaded: a part of its card."""

from exporter.targets.coreai.lower import function_names
from exporter.targets.coreai.metadata import MINIMUM_SYSTEM
from runtimes.bundle.reading import Bundle

_ONE_BY_ONE = ", one choice at a time, all of a text at one length"
_LOADING = """\
Add `{model}` to an app for iOS {system}, macOS {system} or newer, or load it where it lies:

```swift
import CoreAI

let model = try await AIModel(contentsOf: url)
let function = try model.loadFunction(named: "{function}")!
let outputs = try await function.run(inputs: [{inputs}])
```

{functions}Inputs are int32 [1, length], padded with id {pad} and masked with 0{choices}; scores come before softmax,
labels in the order above. `golden.json` holds texts with their ids and the outputs that PyTorch gives, to be replayed
on the device: this was compiled by Apple's package and run by its reference for the CPU, and on **no Apple device**."""
_SEVERAL = "One function for each length, {names}, which share their weights; take the shortest that holds the text. "


def loading_text(bundle: Bundle) -> str:
    """Swift that loads the asset, and what its inputs are."""
    manifest = bundle.manifest
    names = function_names(manifest.recipe.sequence_lengths)
    listed = ", ".join(f"`{name}`" for name in names.values())
    return _LOADING.format(
        choices=_ONE_BY_ONE if manifest.problem == "multiple_choice" else "",
        function=names[max(names)],
        functions=_SEVERAL.format(names=listed) if len(names) > 1 else "",
        inputs=", ".join(f'"{spec.name}": …' for spec in manifest.inputs),
        model=manifest.models[0],
        pad=manifest.pad_id,
        system=MINIMUM_SYSTEM,
    )
