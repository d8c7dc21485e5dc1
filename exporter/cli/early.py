"""Starting PyTorch for a command line that will need it, before anything slow is imported.

A guess by the words alone: a wrong one is ended as soon as the command knows better, and costs nothing but its start.
"""

from collections.abc import Sequence
from pathlib import Path

_DEMO = Path(__file__).parents[1] / "demo"
_WITHOUT = ("-h", "--h", "--no-v", "--fin")
"""How options begin that compare nothing, or import torch here: argparse takes a beginning for the whole."""


def start_early(arguments: Sequence[str]) -> None:
    """Start PyTorch where the words are an export of a small model in a folder, or the demo, that is compared."""
    if arguments[:1] != ["export"] or any(word.startswith(_WITHOUT) for word in arguments):
        return
    folder = next((folder for word in arguments[1:] if (folder := _folder(word))), None)
    if folder is not None:
        from exporter.verification.reference.early_start import start_for  # here: no other command line needs it

        start_for(folder, cached="--no-cache" not in arguments)


def _folder(word: str) -> Path | None:
    if word == "demo":
        return _DEMO
    return Path(word) if not word.startswith("-") and (Path(word) / "config.json").is_file() else None
