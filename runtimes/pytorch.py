"""The reference: transformers' own model in PyTorch, float32, from the original checkpoint.

On the CPU; a measurement may ask for another device.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from runtimes.runner import Batch, Outputs, Status


class TorchRunner:
    """See Runner. `architecture` is the name of transformers' class, from our own table of tasks."""

    status = Status.MEASURED
    positions: int | None = None

    def __init__(
        self, checkpoint: Path, architecture: str, outputs: tuple[str, ...] = ("logits",), device: str = "cpu"
    ) -> None:
        self._outputs, self._device = outputs, device
        transformers.utils.logging.disable_progress_bar()
        self._model = getattr(transformers, architecture).from_pretrained(
            checkpoint, dtype=torch.float32, attn_implementation="eager", local_files_only=True
        )
        self._model.to(device).eval()

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        feeds = {name: torch.from_numpy(values).to(self._device) for name, values in batch.feeds().items()}
        with torch.inference_mode():
            found = self._model(**feeds)
        return {name: getattr(found, name).cpu().numpy() for name in self._outputs}

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the tensors at the borders of transformers' modules, under our names."""
        kept: Outputs = {}
        handles = [module.register_forward_hook(_keeper(kept, name)) for module, name in _named_modules(self._model)]
        try:
            outputs = self.run(batch)
        finally:
            for handle in handles:
                handle.remove()
        return kept | outputs


def _named_modules(model: Any) -> list[tuple[Any, str]]:
    """transformers' modules whose results our graphs name too, in the order they run."""
    named = [(model.bert.embeddings, "embeddings")]
    for number, layer in enumerate(model.bert.encoder.layer):
        named.append((layer.attention.output, f"layer.{number}.attention.output"))
        named.append((layer.intermediate, f"layer.{number}.intermediate"))
        named.append((layer.output, f"layer.{number}.output"))
    return named if model.bert.pooler is None else [*named, (model.bert.pooler, "pooler")]


def _keeper(kept: Outputs, name: str) -> Callable[[Any, Any, torch.Tensor], None]:
    def keep(_module: Any, _inputs: Any, result: torch.Tensor) -> None:
        kept[name] = result.cpu().numpy()

    return keep
