"""Whether torch and transformers are installed: comparing with PyTorch needs them, exporting does not."""

from importlib.machinery import PathFinder
from importlib.util import find_spec

from runtimes.errors import RuntimeUnavailable


def require(purpose: str, *libraries: str) -> None:
    """Raise RuntimeUnavailable that says what `purpose` lacks and how to get it; nothing is imported."""
    missing = [name for name in libraries if not is_installed(name)]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        listed = " and ".join(missing)
        raise RuntimeUnavailable(
            f"{purpose} needs {listed}, which {are} not installed: pip install {' '.join(missing)}"
        )


def require_pytorch() -> None:
    """Raise RuntimeUnavailable where nothing can be compared with PyTorch."""
    require("comparing with PyTorch (export --no-verify goes without)", "torch", "transformers")


def is_installed(name: str) -> bool:
    """`find_spec` alone says no while another thread imports coremltools, which hides them in `sys.modules`."""
    return PathFinder.find_spec(name) is not None or find_spec(name) is not None
