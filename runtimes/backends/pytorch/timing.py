"""Opening the reference model to be timed, in a process that imports nothing else."""

from collections.abc import Callable
from typing import Any


def prepare_timing() -> Callable[[Any], Any]:
    """Import PyTorch; what comes back opens the model of a `measure.Case`, on its threads and device."""
    import torch

    from runtimes.backends.pytorch.description import from_text
    from runtimes.backends.pytorch.runner import TorchRunner

    def opened(case: Any) -> Any:
        torch.set_num_threads(case.threads)
        return TorchRunner.of(from_text(case.reference), device=case.device)

    return opened
