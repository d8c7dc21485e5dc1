"""Bundle in, numbers out: runtimes, parity and measurement.

From Python:

    model = runtimes.open("out")
    logits = model.run(runtimes.Batch(ids, mask, types))["logits"]

Importing this module imports nothing: a process whose memory is measured passes here, and pathlib alone is 0.7 MB.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from runtimes.bundle.manifest import Recipe
    from runtimes.errors import BertportError
    from runtimes.parity.compare import Parity, Verdict
    from runtimes.runner import Batch, Runner, Status

__all__ = ["Batch", "BertportError", "Parity", "Recipe", "Runner", "Status", "Verdict", "open"]

_HOMES = {
    "Batch": "runner",
    "BertportError": "errors",
    "Parity": "parity.compare",
    "Recipe": "bundle.manifest",
    "Runner": "runner",
    "Status": "runner",
    "Verdict": "parity.compare",
}


def open(bundle: "str | Path", threads: int = 1) -> "Runner":  # noqa: A001 - as gzip.open and others
    """Open a bundle's model, every file of it compared with the manifest first.

    `run` takes a Batch of int64 [B, S] each (a model of fixed lengths takes each row padded to one that `fit` gives)
    and returns float32 arrays by output name. One runner may be used by many threads at once. Raises UsageError where
    there is no bundle, BundleError where it is damaged.
    """
    from pathlib import Path

    from runtimes.backends.registry import open_runner
    from runtimes.bundle.reading import check_files, read_bundle

    found = read_bundle(Path(bundle))
    check_files(found)
    return open_runner(found, threads)


def __getattr__(name: str) -> "Any":
    """Find the types that `open` and `exporter.export` give (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"runtimes.{_HOMES[name]}"), name)
