"""Checkpoint in, bundle out: small BERTs for phones.

    import exporter
    import runtimes

    (made,) = exporter.export("path/to/checkpoint", target="coreml", quantize="int8", output="out")
    assert made.directory is not None, made.parity.failures
    outputs = runtimes.open("out").run(runtimes.Batch(ids, mask, types))

Importing this module imports none of the rest; what a call needs it imports itself.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtimes.version import __version__

if TYPE_CHECKING:
    from exporter.checkpoint.source import HubOptions
    from exporter.checkpoint.vocabulary_trimming import Trim
    from exporter.compression.calibration import Finetune
    from exporter.pipeline import Exported
    from exporter.targets.target import Settings
    from exporter.verification.check import Limit

__all__ = ["Exported", "Finetune", "HubOptions", "Limit", "Settings", "Trim", "__version__", "export"]

_HOMES = {
    "Exported": "pipeline",
    "Finetune": "compression.calibration",
    "HubOptions": "checkpoint.source",
    "Limit": "verification.check",
    "Settings": "targets.target",
    "Trim": "checkpoint.vocabulary_trimming",
}


def export(
    model: str | Path = "demo",
    *,
    target: str | Sequence[str] = "onnx",
    quantize: str | Sequence[str] = "none",
    output: str | Path | None = None,
    task: str = "auto",
    verify: bool = True,
    keep_failing: bool = False,
    texts: Sequence[str] = (),
    pairs: bool = False,
    limit: "Limit | None" = None,
    settings: "Settings | None" = None,
    hub: "HubOptions | None" = None,
    threads: int | None = None,
    cache: bool = True,
) -> "list[Exported]":
    """Do what `bertport export` does; one result for each target × scheme.

    The arguments are the command's: `model` a folder, a hub id or "demo"; `output` the bundle's folder, or one with a
    folder for each where there are several; `limit` tightens or loosens the budget; `settings` what a target may be
    told; `hub` how checkpoints are found and read; `threads` those of PyTorch and ONNX Runtime while they are compared,
    by default as many as the model's size says; `cache` whether answers of PyTorch that are kept will do. Progress goes
    to the logger `exporter`, a line at a time.

    A bundle beyond its budget is no error: `parity.verdict` is FAIL and, without `keep_failing`, `directory` None.
    Raises runtimes.BertportError, whose `exit_code` is the command's. Several threads and processes may export
    at once; of two that write to one folder, the first to finish is kept and the other raises.
    """
    from exporter.checkpoint.source import HubOptions
    from exporter.options.request import Request
    from exporter.pipeline import export as run
    from exporter.targets.target import Settings
    from exporter.verification.check import Answering, Limit
    from runtimes.process.threads import check_threads

    request = Request(
        model=str(model),
        targets=_several(target),
        schemes=_several(quantize),
        destination=None if output is None else Path(output),
        task=task,
        hub=hub or HubOptions(),
        settings=settings or Settings(),
        verify=verify,
        keep_failing=keep_failing,
        limit=limit or Limit(),
        texts=tuple(texts),
        pairs=pairs,
        answering=Answering(check_threads(threads), cache),
    )
    return run(request)


def __getattr__(name: str) -> Any:
    """Find the types that `export` takes and gives (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"exporter.{_HOMES[name]}"), name)


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(dict.fromkeys(names))
