"""Whether Apple's package is here, and of a version that was tried: it is a beta, and its compiler is unstable."""

from importlib.metadata import version

from runtimes.errors import RuntimeUnavailable
from runtimes.extras import missing, require_extra

PACKAGE = "coreai-core"
TESTED = ("1.0.0b3",)


def lacking() -> str:
    """What is not installed of Apple's package, and how to get it; nothing where all is there."""
    return missing("coreai")


def require_coreai(purpose: str) -> None:
    """Raise RuntimeUnavailable where a purpose lacks the package, or a version of it that was tried."""
    require_extra("coreai", purpose)
    found = version(PACKAGE)
    if found not in TESTED:
        raise RuntimeUnavailable(
            f"{purpose}: expected {PACKAGE} {' or '.join(TESTED)}, found {found}, which was not tried: "
            "pip install 'bertport[coreai]'"
        )
