"""Running a saved .tflite model of any length with LiteRT."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np

from runtimes.backends.litert.session import MainSignature, open_interpreter, open_kept
from runtimes.errors import BundleError, in_our_words
from runtimes.runner import Array, Batch, Outputs, Status

NAME = f"LiteRT {version('ai-edge-litert')}"
SIGNATURE = "serving_default"


@contextmanager
def loading(path: Path) -> Iterator[None]:
    """Within the block LiteRT opens a file: what it refuses becomes BundleError, newer operators too."""

    def refused(reason: str) -> BundleError:
        step = "update ai-edge-litert" if "Didn't find op for builtin opcode" in reason else "export it again"
        return BundleError(f"{path}: {NAME} does not load it: {reason}; {step}")

    with in_our_words(refused):
        yield


class LiteRtRunner:
    """See Runner."""

    status = Status.MEASURED
    positions: int | None = None

    def __init__(self, path: Path, threads: int = 1) -> None:
        self._path = path
        with loading(path):
            self._main = MainSignature(open_interpreter(str(path), threads), SIGNATURE)

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        return _run(self._main, batch)

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the model is loaded once more, on kernels whose results stay."""
        with in_our_words(lambda reason: BundleError(f"{self._path}: cannot be traced: {reason}; export again")):
            main = MainSignature(open_kept(str(self._path)), SIGNATURE)
        outputs = _run(main, batch)
        return main.tensors() | outputs


def _run(main: MainSignature, batch: Batch) -> Outputs:
    feeds = batch.feeds()
    unknown = [name for name in main.inputs if name not in feeds]
    if unknown:
        raise BundleError(f"the model reads {', '.join(unknown)}, and a text has {', '.join(feeds)}; export again")
    with in_our_words(lambda reason: BundleError(f"{NAME} cannot run the model: {reason}; export again")):
        return main.run(_int32({name: feeds[name] for name in main.inputs}))


def _int32(feeds: Mapping[str, Array]) -> dict[str, Array]:
    return {name: values.astype(np.int32, copy=False) for name, values in feeds.items()}
