"""How an ONNX bundle is loaded: a part of its card."""

import json
from collections.abc import Mapping

from exporter.checkpoint.json_files import read_bundled
from exporter.targets.loading_python import RuntimeLines, python_lines
from runtimes.bundle.reading import Bundle

_OPTIMUM = {
    "fill-mask": "ORTModelForMaskedLM",
    "feature-extraction": "ORTModelForFeatureExtraction",
    "sentence-similarity": "ORTModelForFeatureExtraction",
    "multiple-choice": "ORTModelForMultipleChoice",
    "question-answering": "ORTModelForQuestionAnswering",
    "token-classification": "ORTModelForTokenClassification",
    "text-ranking": "ORTModelForSequenceClassification",
    "text-classification": "ORTModelForSequenceClassification",
}
"""Task → the class of Optimum that loads the folder."""
_LOADING = """\
```python
{python}
```
{others}
On a phone, `model.onnx` loads in ONNX Runtime as it is. Where there is a `model.mapped.onnx`, an app that opens models
by path opens that one with `model.onnx` beside it: the same model, its weights mapped instead of copied. `golden.json`
holds texts with their ids and the outputs that PyTorch gives, to be replayed there."""


def _read(outputs: Mapping[str, str]) -> str:
    """See RuntimeLines."""
    variables = ", ".join(outputs) if len(outputs) > 1 else f"({next(iter(outputs))},)"
    return f"{variables} = session.run({json.dumps(list(outputs.values()))}, inputs)"


_RUNTIME = RuntimeLines("import onnxruntime", 'session = onnxruntime.InferenceSession(folder / "model.onnx")', _read)


def loading_text(bundle: Bundle) -> str:
    """Python that runs the model, and which libraries load the folder."""
    return _LOADING.format(python=python_lines(bundle, _RUNTIME), others=_others(bundle))


def _others(bundle: Bundle) -> str:
    """Which other libraries load the folder as it is."""
    from exporter.model.families.registry import find_family  # here: it reads schemas, and help asks for no text

    task = bundle.manifest.recipe.task
    if not find_family(read_bundled(bundle.directory / "config.json")).in_transformers:
        return ""
    told = [f"`optimum.onnxruntime.{_OPTIMUM[task]}`"] if task in _OPTIMUM else []
    if bundle.manifest.pooling:
        told.append('`SentenceTransformer(folder, backend="onnx")`')
    return f"\n{' and '.join(told)} load{'' if len(told) > 1 else 's'} the folder as it is.\n" if told else ""
