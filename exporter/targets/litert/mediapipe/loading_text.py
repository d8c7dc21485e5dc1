"""How a bundle is given to MediaPipe: a part of its card."""

from runtimes.bundle.reading import Bundle

_CLASSIFIER = """\
from mediapipe.tasks.python.text import TextClassifier

with TextClassifier.create_from_model_path("{model}") as classifier:
    score, *_ = classifier.classify("a text").classifications
    print([(one.category_name, one.score) for one in score.categories])"""
_EMBEDDER = """\
from mediapipe.tasks.python.text import TextEmbedder

with TextEmbedder.create_from_model_path("{model}") as embedder:
    print(embedder.embed("a text").embeddings[0].embedding)"""
_TEXT = """\
```python
{python}
```

MediaPipe {version} opens `{model}` as it is: vocabulary{labels} and how a text is read are in it.{heads}
Its tokenizer lowercases ASCII alone and strips no accents: texts with other characters may get other tokens than those
that were compared with PyTorch.

Without MediaPipe:

{otherwise}"""
_HEADS = "\nAn app reads the first of two heads, `score`; the other, `logits`, is what was compared."
_VERSION = "1.2.3"
"""That was tried."""


def mediapipe_text(bundle: Bundle, otherwise: str) -> str:
    """Python that gives a text to the task; `otherwise` is how any LiteRT model is loaded."""
    model, labelled = bundle.manifest.models[0], bool(bundle.manifest.labels)
    python = (_CLASSIFIER if labelled else _EMBEDDER).format(model=model)
    told = {"labels": ", labels" if labelled else "", "heads": _HEADS if labelled else ""}
    return _TEXT.format(python=python, version=_VERSION, model=model, otherwise=otherwise, **told)
