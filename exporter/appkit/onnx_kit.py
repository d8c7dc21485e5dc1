"""What the kits of ONNX Runtime have in common, in a browser and on Android: kit.json and its figures."""

import json
from pathlib import Path
from typing import Any

from exporter.appkit.character_tables import ask_tokenizers, version
from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece, camel
from exporter.bundle import MANIFEST, sha256
from exporter.errors import UnsupportedError

TASKS = {
    "text-classification": "TextClassifier",
    "token-classification": "EntityFinder",
    "question-answering": "AnswerFinder",
}
"""Task → the class that an app uses."""
WARNING = "WARNING: this model failed its parity check and was made into a kit with --even-failing."


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
        "maxTokens": max_tokens(kit.bundle.directory),
        "inputs": [{"name": spec.name, "dtype": spec.dtype} for spec in manifest.inputs],
        "outputs": [spec.name for spec in manifest.outputs],
        "parity": {"verdict": kit.parity["verdict"], "text": kit.parity_text, "toleranceAbsolute": tolerance(kit)},
        "tokenizer": wordpiece.settings(),
    }


def find_type(kit: Kit, language: str) -> str:
    """The class of the kit's task. Raises UnsupportedError where there is none."""
    task = kit.bundle.manifest.recipe.task
    if task not in TASKS:
        known = ", ".join(TASKS)
        raise UnsupportedError(f"{kit.bundle.directory}: no {language} wrapper for task {task}; there is {known}")
    return TASKS[task]


def tolerance(kit: Kit) -> float:
    """The budget in logits: relative ones are shares of the range that was seen at the export."""
    budget, span = kit.bundle.manifest.budget, kit.parity["logit_range"]
    relative = None if budget.max_relative is None else budget.max_relative * span
    return min((limit for limit in (budget.max_absolute, relative) if limit is not None), default=0.0)


def max_tokens(directory: Path) -> int:
    """Most tokens of a text: the model's positions, or what the tokenizer was told if that is less."""
    positions = int(json.loads((directory / "config.json").read_bytes())["max_position_embeddings"])
    told = json.loads((directory / "tokenizer_config.json").read_bytes()).get("model_max_length")
    return min(positions, int(told)) if told else positions


def facts(kit: Kit) -> str:
    """Where the model comes from and how it compares, in two lines for a README."""
    manifest = kit.bundle.manifest
    what = f"`{manifest.source_model}`, {manifest.recipe.task}, {manifest.recipe.scheme}"
    warning = f"\n\n{WARNING}" if kit.failed else ""
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
