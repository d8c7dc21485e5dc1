"""Giving memory back to the system before the next large allocation."""

import ctypes
import gc
import sys


def release() -> None:
    """Collect what refers to itself, as graphs that hold a model's weights do, and `trim`."""
    gc.collect()
    trim()


def trim() -> None:
    """Return free pages to the system.

    glibc keeps what was freed (malloc_trim(3)); other systems' allocators return it by themselves.
    """
    if sys.platform == "linux" and (trimmed := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trimmed(0)
