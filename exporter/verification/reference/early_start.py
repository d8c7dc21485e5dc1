"""Starting PyTorch's process before the checkpoint is read, where it will be needed."""

import sys
from contextlib import suppress
from pathlib import Path

from exporter.verification.reference.answers_key import are_kept
from runtimes.backends.pytorch.early import start_early
from runtimes.backends.pytorch.installed import is_installed
from runtimes.process.threads import SMALL_BYTES

_WEIGHTS = "model.safetensors"
_HALVES = 2
"""Weights may be stored as float16."""


def start_for(checkpoint: Path, cached: bool) -> bool:
    """Whether PyTorch is being started for the checkpoint in this folder.

    Not where torch is here already or is missing, where answers are kept (and `cached` ones will do), and for a large
    model, which is loaded when what else is in memory is gone: as `session.PyTorchSession` has it.
    """
    weights = checkpoint / _WEIGHTS
    with suppress(OSError):
        small = weights.is_file() and weights.stat().st_size * _HALVES <= SMALL_BYTES
        if not small or sys.modules.get("torch") is not None or not is_installed("torch"):
            return False
        if not (cached and are_kept(weights)):
            start_early()
            return True
    return False
