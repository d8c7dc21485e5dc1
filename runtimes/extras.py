"""Optional extras of bertport: whether the packages of one are installed, and what to say where they are not."""

import platform
from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType

from runtimes.errors import RuntimeUnavailable

EXTRAS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"coreai": ("coreai",), "litert": ("ai_edge_litert", "flatbuffers")}
)
"""Extra, as pyproject.toml has it → the modules that it brings."""
_PLATFORMS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {"coreai": (("Linux", "x86_64"), ("Darwin", "arm64"))}
)
"""Extra → the systems and machines that its wheels are for; all, where it is not among these."""


def missing(extra: str, *modules: str) -> str:
    """What is not installed of an extra (of `modules`, or all of its own) and how to get it; nothing is imported."""
    lacking = [name for name in modules or EXTRAS[extra] if find_spec(name) is None]
    if not lacking:
        return ""
    are = "is" if len(lacking) == 1 else "are"
    if (wheels := _PLATFORMS.get(extra)) and (platform.system(), platform.machine()) not in wheels:
        known = " and ".join(" ".join(one) for one in wheels)
        return f"{' and '.join(lacking)} {are} not installed, and has wheels for {known} alone: do it there"
    return f"{' and '.join(lacking)} {are} not installed: pip install 'bertport[{extra}]'"


def require_extra(extra: str, purpose: str, *modules: str) -> None:
    """Raise RuntimeUnavailable where `purpose` lacks something of an extra."""
    if lacking := missing(extra, *modules):
        raise RuntimeUnavailable(f"{purpose}: {lacking}")
