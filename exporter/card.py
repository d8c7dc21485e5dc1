"""The README.md of a bundle: what it is, how to load it, and of its figures what parity.json says, no more."""

from exporter.bundle import Manifest
from runtimes.parity import Parity

_SWIFT_UNITS = {
    "all": "all",
    "cpu-and-ne": "cpuAndNeuralEngine",
    "cpu-and-gpu": "cpuAndGPU",
    "cpu-only": "cpuOnly",
}
_LOADING = {
    "onnx": """\
```python
from optimum.onnxruntime import {optimum}
from transformers import AutoTokenizer, pipeline

model = {optimum}.from_pretrained("{folder}")
answer = pipeline("{task}", model=model, tokenizer=AutoTokenizer.from_pretrained("{folder}"))
print(answer({asked}))
```

On a phone, `model.onnx` loads in ONNX Runtime as it is. Where there is a `model.mapped.onnx`, an app that opens models
by path opens that one with `model.onnx` beside it: the same model, its weights mapped instead of copied. `golden.json`
holds texts with their ids and the logits that PyTorch gives, to be replayed there.""",
    "coreml": """\
Drag `{model}` into Xcode, or load it where it lies:

```swift
let configuration = MLModelConfiguration()
configuration.computeUnits = .{units}
let model = try MLModel(contentsOf: MLModel.compileModel(at: url), configuration: configuration)
```

Inputs are int32 [1, length], padded with zeros and masked; outputs come before softmax, labels in the order
above. `golden.json` holds texts with their ids and the logits that PyTorch gives, to be replayed on the device.""",
}


def write_card(manifest: Manifest, parity: Parity, size_bytes: int) -> str:
    """Render the card as Markdown."""
    recipe = manifest.recipe
    origin = manifest.source_model + (f" at {manifest.source_revision}" if manifest.source_revision else "")
    lines = [
        f"# {manifest.source_model}: {recipe.target}, {recipe.scheme}",
        "",
        f"{manifest.architecture} for {recipe.task}, from {origin}, by bertport {manifest.versions['bertport']}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| model | {size_bytes:,} bytes |",
        *([f"| labels | {', '.join(manifest.labels)} |"] if manifest.labels else []),
        f"| inputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.inputs)} |",
        f"| outputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.outputs)} |",
        *_parity_rows(parity),
        "",
        "## Loading",
        "",
        _LOADING[recipe.target].format(
            folder="path/to/this/folder",
            optimum=manifest.architecture.replace("Bert", "ORTModel"),
            task=recipe.task,
            asked='question="…", context="…"' if manifest.problem == "question_answering" else '"…"',
            model=manifest.models[0],
            units=_SWIFT_UNITS.get(recipe.compute_units or "", ""),
        ),
    ]
    return "\n".join(lines) + "\n"


def _parity_rows(parity: Parity) -> list[str]:
    if not parity.rows:
        return [f"| parity with PyTorch | {parity.verdict.value}: {parity.note} |"]
    rows = [
        f"| parity with PyTorch | {parity.verdict.value}, {parity.status}, {parity.rows} rows |",
        f"| largest difference | {parity.max_absolute:.3g} of a logit range of {parity.logit_range:.3g} |",
        f"| mean difference | {parity.mean_absolute:.3g} |",
    ]
    if parity.agreement is not None:
        rows.append(f"| label agreement | {parity.agreement:.4f} |")
    return rows
