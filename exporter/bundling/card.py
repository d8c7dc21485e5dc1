"""The README.md of a bundle: what it is, how to load it, and of its figures what parity.json says, no more."""

from exporter.bundling.assumptions import decided
from exporter.bundling.card_python import python_lines
from exporter.checkpoint.text_length import longest_of
from runtimes.bundle.manifest import Finetuning
from runtimes.bundle.reading import Bundle
from runtimes.parity.compare import Parity

_SWIFT_UNITS = {
    "all": "all",
    "cpu-and-ne": "cpuAndNeuralEngine",
    "cpu-and-gpu": "cpuAndGPU",
    "cpu-only": "cpuOnly",
}
_OPTIMUM = {
    "fill-mask": "ORTModelForMaskedLM",
    "feature-extraction": "ORTModelForFeatureExtraction",
    "sentence-similarity": "ORTModelForFeatureExtraction",
    "multiple-choice": "ORTModelForMultipleChoice",
    "question-answering": "ORTModelForQuestionAnswering",
    "token-classification": "ORTModelForTokenClassification",
    "text-classification": "ORTModelForSequenceClassification",
}
"""Task → the class of Optimum that loads the folder."""
_LOADING = {
    "onnx": """\
```python
{python}
```
{others}
On a phone, `model.onnx` loads in ONNX Runtime as it is. Where there is a `model.mapped.onnx`, an app that opens models
by path opens that one with `model.onnx` beside it: the same model, its weights mapped instead of copied. `golden.json`
holds texts with their ids and the outputs that PyTorch gives, to be replayed there.""",
    "coreml": """\
Drag `{model}` into Xcode, or load it where it lies:

```swift
let configuration = MLModelConfiguration()
configuration.computeUnits = .{units}
let model = try MLModel(contentsOf: MLModel.compileModel(at: url), configuration: configuration)
```

Inputs are int32 [1, length], padded with id {pad} and masked with 0{choices}; scores come before softmax, labels in
the order above. `golden.json` holds texts with their ids and the outputs that PyTorch gives, to be replayed on the
device.""",
}

_ONE_BY_ONE = ", one choice at a time, all of a text at one length"


def write_card(bundle: Bundle, parity: Parity) -> str:
    """Render the card as Markdown."""
    manifest, recipe = bundle.manifest, bundle.manifest.recipe
    origin = manifest.source_model + (f" at {manifest.source_revision}" if manifest.source_revision else "")
    lines = [
        f"# {manifest.source_model}: {recipe.target}, {recipe.scheme}",
        "",
        f"{manifest.architecture} for {recipe.task}, from {origin}, by bertport {manifest.versions['bertport']}.",
        "",
        "| | |",
        "| --- | --- |",
        f"| model | {bundle.size_bytes:,} bytes |",
        f"| decided | {_cell(decided(bundle))} |",
        f"| longest text | {longest_of(bundle)} tokens |",
        *([f"| kept wider | {', '.join(recipe.keep)} |"] if recipe.keep else []),
        *([f"| vocabulary | cut to {recipe.pieces:,} pieces |"] if recipe.pieces else []),
        *([f"| fine-tuned | {_finetuned(manifest.finetuning)} |"] if manifest.finetuning else []),
        *([f"| labels | {', '.join(manifest.labels)} |"] if manifest.labels else []),
        f"| inputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.inputs)} |",
        f"| outputs | {', '.join(f'{s.name} {s.dtype} {list(s.shape)}' for s in manifest.outputs)} |",
        *_parity_rows(parity),
        "",
        "## Loading",
        "",
        _LOADING[recipe.target].format(
            python=python_lines(bundle) if recipe.target == "onnx" else "",
            others=_others(bundle),
            choices=_ONE_BY_ONE if manifest.problem == "multiple_choice" else "",
            model=manifest.models[0],
            pad=manifest.pad_id,
            units=_SWIFT_UNITS.get(recipe.compute_units or "", ""),
        ),
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Text of a checkpoint's, in a cell of a table."""
    return text.replace("|", "\\|").replace("`", "'")


def _finetuned(done: Finetuning) -> str:
    """What was trained, and what it gave on the texts that were held out."""
    pairs = [f"{name} {value:.4g} → {done.after[name]:.4g}" for name, value in done.before.items()]
    trained = f"{', '.join(done.trained)}, to answer {done.learnt_texts:,} texts as the float model does"
    return f"{trained}; on {done.held_out_texts:,} others: {', '.join(pairs)}"


def _others(bundle: Bundle) -> str:
    """Which other libraries load the folder as it is."""
    task = bundle.manifest.recipe.task
    told = [f"`optimum.onnxruntime.{_OPTIMUM[task]}`"] if task in _OPTIMUM else []
    if bundle.manifest.pooling:
        told.append('`SentenceTransformer(folder, backend="onnx")`')
    return f"\n{' and '.join(told)} load{'' if len(told) > 1 else 's'} the folder as it is.\n" if told else ""


def _parity_rows(parity: Parity) -> list[str]:
    if not parity.rows:
        return [f"| parity with PyTorch | {parity.verdict.value}: {parity.note} |"]
    rows = [
        f"| parity with PyTorch | {parity.verdict.value}, {parity.status}, {parity.rows} rows |",
        f"| largest difference | {parity.max_absolute:.3g} of a range of {parity.logit_range:.3g} |",
        f"| mean difference | {parity.mean_absolute:.3g} |",
    ]
    return rows + [f"| {name} | {value:.4f} |" for name, value in parity.seen.items()]
