"""What the kits of ONNX Runtime have in common, in a browser and on Android: kit.json and its figures."""

from typing import Any

from exporter.appkit.character_tables import ask_tokenizers, version
from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece, camel
from exporter.model.tasks import TASKS as ALL_TASKS
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import sha256
from runtimes.errors import UnsupportedError

TASKS = {
    "text-classification": "TextClassifier",
    "token-classification": "EntityFinder",
    "question-answering": "AnswerFinder",
    "sentence-similarity": "TextEmbedder",
}
"""Task → the class that an app uses."""


def settings(kit: Kit, wordpiece: WordPiece, model: str) -> dict[str, Any]:
    """kit.json: what the exporter knows of the model, whose file is called `model` there."""
    manifest = kit.bundle.manifest
    return {
        "bertport": manifest.versions["bertport"],
        "source": manifest.source_model,
        "task": manifest.recipe.task,
        "scheme": manifest.recipe.scheme,
        "manifestSha256": sha256(kit.bundle.directory / MANIFEST),
        "problem": manifest.problem,
        "labels": list(manifest.labels),
        "model": model,
        **kit.beside,
        "inputs": [{"name": spec.name, "dtype": spec.dtype} for spec in manifest.inputs],
        "outputs": [s.name for s in manifest.outputs if s.name not in ALL_TASKS[manifest.recipe.task].besides],
        "parity": {"verdict": kit.parity["verdict"], "text": kit.parity_text, "toleranceAbsolute": kit.tolerance},
        "tokenizer": wordpiece.settings(),
    }


def find_type(kit: Kit, language: str) -> str:
    """The class of the kit's task. Raises UnsupportedError where there is none."""
    task = kit.bundle.manifest.recipe.task
    if task not in TASKS:
        known = ", ".join(TASKS)
        raise UnsupportedError(
            f"{kit.bundle.directory}: no {language} wrapper for task {task}; there is {known}: export one of these, or "
            "call the model by itself"
        )
    return TASKS[task]


def facts(kit: Kit) -> str:
    """Where the model comes from and how it compares, in two lines for a README."""
    manifest = kit.bundle.manifest
    what = f"`{manifest.source_model}`, {manifest.recipe.task}, {manifest.recipe.scheme}"
    warning = f"\n\n{kit.warning}" if kit.failed else ""
    return f"{what}, by bertport {manifest.versions['bertport']}. Parity with PyTorch: {kit.parity_text}.{warning}"


def tables(line: str) -> str:
    """The character tables, one `line` each with its {name} and {text}."""
    return "".join(f"{line.format(name=camel(name), text=text)}\n" for name, text in ask_tokenizers().texts().items())


def asked() -> str:
    """The first line of the generated tables."""
    return f"// What tokenizers {version()} does to every Unicode scalar; written by bertport."


def fill(text: str, values: dict[str, str]) -> str:
    """`text` with each {name} of `values` replaced; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text
