"""Starting the process of PyTorch before the model is known: it imports torch while this one reads the checkpoint.

Imports nothing that is slow, and is imported before anything that is.
"""

import sys
import threading
from contextlib import suppress

from runtimes.process.launch import Started, launch, python_path
from runtimes.process.threads import passive_waiting

COMMAND = (sys.executable, "-P", "-m", "runtimes.backends.pytorch.child")  # -P: nothing from the folder it starts in
_LARGE = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}
"""What is larger goes back to the system when it is freed (glibc; mallopt(3)). Left to itself glibc raises this to what
was freed last, and each text leaves holes that the next one's tensors do not fit: 50 MB and more."""
_SMALL = {"MALLOC_MMAP_THRESHOLD_": str(16 << 20), "MALLOC_TRIM_THRESHOLD_": str(32 << 20)}
"""Of a small model: its holes are 8 MB, and giving pages back and taking them anew is a fifth of its processor time."""

_LOCK = threading.Lock()
_waiting: list[Started] = []
"""The one process that nobody has asked yet, if there is one."""


def environment(small: bool) -> dict[str, str]:
    """What the process of PyTorch is given beside this one's environment."""
    return python_path() | (_SMALL if small else _LARGE) | passive_waiting()


def start_early() -> None:
    """Let a process for a small model import torch meanwhile; nothing where one waits already, or none can start."""
    with _LOCK, suppress(OSError):
        if not _waiting and sys.executable:
            _waiting.append(launch(COMMAND, environment(small=True)))


def take_early() -> Started | None:
    """The process that waits, for the one who asks first; it is theirs to end."""
    with _LOCK:
        return _waiting.pop() if _waiting else None


def end_early() -> None:
    """End the process that waits, if nobody had a use for it."""
    if (started := take_early()) is not None:
        started.end()
