"""Memory that nothing needs any more, given back before the next large thing takes its own."""

import ctypes
import gc
import sys


def release() -> None:
    """Collect what refers to itself, as graphs that hold a model's weights do, and return free pages to the system.

    glibc keeps what was freed (malloc_trim(3)); other systems' allocators return it by themselves.
    """
    gc.collect()
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
