"""The README.md of a bundle: what it is, how to load it, and of its figures what parity.json says, no more."""

from exporter.bundle import Finetuning, Manifest
from runtimes.parity import Parity

_SWIFT_UNITS = {
    "all": "all",
    "cpu-and-ne": "cpuAndNeuralEngine",
    "cpu-and-gpu": "cpuAndGPU",
    "cpu-only": "cpuOnly",
}
_PIPELINE = """\
from optimum.onnxruntime import {optimum}
from transformers import AutoTokenizer, pipeline

model = {optimum}.from_pretrained("{folder}")
answer = pipeline("{task}", model=model, tokenizer=AutoTokenizer.from_pretrained("{folder}"))
print(answer({asked}))"""
_CHOICES = """\
from optimum.onnxruntime import {optimum}
from transformers import AutoTokenizer

model = {optimum}.from_pretrained("{folder}")
encode = AutoTokenizer.from_pretrained("{folder}")
batch = encode({asked}, padding=True, truncation=True, max_length={longest}, return_tensors="pt")
print(model(**{{name: rows[None] for name, rows in batch.items()}}).logits)  # [1, choices]"""
_SESSION = """\
import onnxruntime
from transformers import AutoTokenizer

session = onnxruntime.InferenceSession("{folder}/model.onnx")
encode = AutoTokenizer.from_pretrained("{folder}")
batch = encode({asked}, padding=True, truncation=True, max_length={longest}, return_tensors="np")
print(session.run({outputs}, dict(batch)))"""
_PYTHON = {
    "fill-mask": (_PIPELINE, "ORTModelForMaskedLM", '"… [MASK] …"'),
    "feature-extraction": (_PIPELINE, "ORTModelForFeatureExtraction", '"…"'),
    "sentence-similarity": (_SESSION, "", '["…", "…"]'),
    "next-sentence-prediction": (_SESSION, "", '"…", "…"'),
    "multiple-choice": (_CHOICES, "ORTModelForMultipleChoice", '["…", "…"], ["…", "…"]'),
    "question-answering": (_PIPELINE, "ORTModelForQuestionAnswering", 'question="…", context="…"'),
    "token-classification": (_PIPELINE, "ORTModelForTokenClassification", '"…"'),
    "text-classification": (_PIPELINE, "ORTModelForSequenceClassification", '"…"'),
}
"""Task → how it is called in Python, the class of Optimum, and what it is asked."""
_LOADING = {
    "onnx": """\
```python
{python}
```

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
        f"| longest text | {manifest.max_tokens} tokens |",
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
            python=_python(manifest),
            choices=_ONE_BY_ONE if manifest.problem == "multiple_choice" else "",
            model=manifest.models[0],
            pad=manifest.pad_id,
            units=_SWIFT_UNITS.get(recipe.compute_units or "", ""),
        ),
    ]
    return "\n".join(lines) + "\n"


def _finetuned(done: Finetuning) -> str:
    """What was trained, and what it gave on the texts that were held out."""
    pairs = [f"{name} {value:.4g} → {done.after[name]:.4g}" for name, value in done.before.items()]
    trained = f"{', '.join(done.trained)}, to answer {done.learnt_texts:,} texts as the float model does"
    return f"{trained}; on {done.held_out_texts:,} others: {', '.join(pairs)}"


def _python(manifest: Manifest) -> str:
    """How the task is called."""
    form, optimum, asked = _PYTHON[manifest.recipe.task]
    return form.format(
        folder="path/to/this/folder",
        optimum=optimum,
        task=manifest.recipe.task,
        asked=asked,
        outputs=[spec.name for spec in manifest.outputs],
        longest=manifest.max_tokens,
    )


def _parity_rows(parity: Parity) -> list[str]:
    if not parity.rows:
        return [f"| parity with PyTorch | {parity.verdict.value}: {parity.note} |"]
    rows = [
        f"| parity with PyTorch | {parity.verdict.value}, {parity.status}, {parity.rows} rows |",
        f"| largest difference | {parity.max_absolute:.3g} of a range of {parity.logit_range:.3g} |",
        f"| mean difference | {parity.mean_absolute:.3g} |",
    ]
    return rows + [f"| {name} | {value:.4f} |" for name, value in parity.seen.items()]
