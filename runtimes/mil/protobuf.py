"""Core ML's protobuf messages, without the rest of coremltools.

`import coremltools` takes seconds, imports torch and logs a dozen lines about parts that exist on macOS only. The
message classes need none of that: they are loaded from coremltools' `proto` folder under a name of our own, unless
the process has imported coremltools already. Nothing is imported that could be noisy, so nothing has to be hidden.
"""

import importlib
import importlib.util
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from runtimes.errors import RuntimeUnavailable

_ALIAS = "runtimes.mil._coremltools_proto"


@cache
def model_messages() -> ModuleType:
    """Return coremltools' `Model_pb2`; `RuntimeUnavailable` where coremltools is not installed or not usable."""
    return _messages("Model_pb2")


@cache
def program_messages() -> ModuleType:
    """Return coremltools' `MIL_pb2`; `RuntimeUnavailable` where coremltools is not installed or not usable."""
    return _messages("MIL_pb2")


def _messages(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{_proto_package()}.{name}")
    except ImportError as error:
        message = f"mil: coremltools' {name} cannot be imported ({error}); install coremltools 9.0 or later"
        raise RuntimeUnavailable(message) from error


def _proto_package() -> str:
    if "coremltools.proto" in sys.modules:
        return "coremltools.proto"
    if _ALIAS not in sys.modules:
        _load_alias(_proto_folder())
    return _ALIAS


def _proto_folder() -> Path:
    spec = importlib.util.find_spec("coremltools")  # finds the folder, runs nothing
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeUnavailable("mil: coremltools is not installed; pip install 'coremltools>=9.0'")
    return Path(next(iter(spec.submodule_search_locations))) / "proto"


def _load_alias(folder: Path) -> None:
    """Register `folder` as a bare package: its messages import each other relatively, and need no parent."""
    spec = ModuleSpec(_ALIAS, loader=None, is_package=True)
    spec.submodule_search_locations = [str(folder)]
    sys.modules[_ALIAS] = importlib.util.module_from_spec(spec)
