"""Importing and running coremltools without the messages that it prints on Linux alone.

Importing this module imports coremltools (seconds): only what writes or reads a program does so, never what merely
names options.
"""

import contextlib
import logging
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

_NOISE = re.compile(
    r"Failed to load _ML\w+: No module named 'coremltools\.libcoremlpython'"  # Apple's runtime, absent off a Mac
    r"|Torch version \S+ has not been tested with coremltools"  # we do not trace
    r"|scikit-learn version \S+ is not supported"  # nor convert estimators
)


def _is_wanted(record: logging.LogRecord) -> bool:
    return not _NOISE.match(record.getMessage())


@contextlib.contextmanager
def _quiet_import() -> Iterator[None]:
    # coremltools 9.0 logs these while it is imported, whoever asks. Remove when it is silent about what is not used.
    logger = logging.getLogger("coremltools")
    logger.addFilter(_is_wanted)
    try:
        yield
    finally:
        logger.removeFilter(_is_wanted)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    # coremltools 9.0 imports every framework that it could convert from (_deps/__init__.py), of which we need none:
    # 220 MB and twice the time. Remove when it imports them as they are asked for.
    hidden = [name for name in _FRAMEWORKS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it is an ImportError now
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


_FRAMEWORKS = ("torch", "transformers", "sklearn", "tensorflow", "xgboost", "libsvm")

with _quiet_import(), _alone():
    import coremltools as ct
    from coremltools.converters.mil import Builder as mb  # noqa: N813 - what everyone calls it
    from coremltools.converters.mil.mil import types
    from coremltools.converters.mil.mil.passes import pass_pipeline

__all__ = ["ct", "mb", "quiet_conversion", "types"]


@contextlib.contextmanager
def quiet_conversion() -> Iterator[None]:
    """Convert without progress bars on stderr and without warnings for a temporary folder that Python tidies up."""
    # coremltools 9.0 offers no switch for its bars, and leaves a TemporaryDirectory to the garbage collector
    # (converters/mil/converter.py). Remove when it has one, and closes the other.
    bars, pass_pipeline.tqdm = pass_pipeline.tqdm, _no_bar
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Implicitly cleaning up", ResourceWarning)
            yield
    finally:
        pass_pipeline.tqdm = bars


def _no_bar(passes: Iterable[Any], **_: Any) -> Iterable[Any]:
    return passes
