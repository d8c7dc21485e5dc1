"""What a platform is: the bundles it takes, the tokenizers its code has, and what writes its kits.

Each folder below has one object `PLATFORM` in its `emit.py`; `exporter.appkit.registry` lists them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporter.appkit.kit import Kit
from exporter.appkit.wordpiece import WordPiece
from runtimes.errors import UnsupportedError

WRAPPERS = {
    "text-classification": "TextClassifier",
    "text-ranking": "TextClassifier",
    "token-classification": "EntityFinder",
    "question-answering": "AnswerFinder",
    "sentence-similarity": "TextEmbedder",
}
"""Task → the class that an app uses, on every platform. A ranker's one label is the score of a query and a text."""


@dataclass(frozen=True)
class Wrapper:
    """What a kit's code is made for: `type`, the class of the task, and the tokenizer as plain data."""

    type: str
    tokenizer: WordPiece


@dataclass(frozen=True)
class Platform:
    """One platform.

    `name` is that of `--platform`, `language` that of its code, `targets` are those of the bundles it takes, the first
    the one it advises. `read_tokenizer` describes the tokenizer in a bundle's folder for its code, and raises
    UnsupportedError for a kind that its code does not have. `emit` writes a kit's files into an empty folder.
    `emit_model` does so for the model alone, with the reason, where there is no wrapper for the task or the tokenizer;
    without it such a bundle is refused. `check_package` raises UsageError for what cannot be the package of its code;
    without it the platform's code has none.
    """

    name: str
    language: str
    targets: tuple[str, ...]
    read_tokenizer: Callable[[Path], WordPiece]
    emit: Callable[[Kit, Wrapper, Path], None]
    emit_model: Callable[[Kit, str, Path], None] | None = None
    check_package: Callable[[str], None] | None = None

    def write(self, kit: Kit, directory: Path) -> None:
        """The kit's files into an empty folder. Raises UnsupportedError for a bundle that the platform refuses."""
        try:
            wrapper = self._find_wrapper(kit)
        except UnsupportedError as error:
            if self.emit_model is None:
                raise
            self.emit_model(kit, f"{error}".replace(f"{kit.bundle.directory}/", ""), directory)
        else:
            self.emit(kit, wrapper, directory)

    def _find_wrapper(self, kit: Kit) -> Wrapper:
        task, directory = kit.bundle.manifest.recipe.task, kit.bundle.directory
        if task not in WRAPPERS:
            raise UnsupportedError(
                f"{directory}: no {self.language} wrapper for task {task}; there is {', '.join(WRAPPERS)}: export one "
                "of these, or call the model by itself"
            )
        return Wrapper(WRAPPERS[task], self.read_tokenizer(directory))
