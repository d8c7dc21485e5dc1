"""A PyTorch session: the checkpoint's model in a subprocess, or here where torch is imported anyway."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.ops import Array
from runtimes.backends.pytorch.description import Layer, Pooling, ReferenceModel
from runtimes.backends.pytorch.installed import require_pytorch
from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess
from runtimes.process.heavy_imports import without_collections

if TYPE_CHECKING:
    from runtimes.backends.pytorch.runner import TorchRunner

_SMALL_BYTES = 64_000_000
"""Of float32 weights: less than torch and transformers are without a model."""


class PyTorchSession:
    """transformers' model of one checkpoint. `weights` take the place of the checkpoint's, by transformers' names."""

    def __init__(self, checkpoint: Checkpoint, weights: Mapping[str, Array]) -> None:
        self.checkpoint, self.weights = checkpoint, weights
        self._subprocess: TorchSubprocess | None = None

    def loaded(self, double: bool = False) -> "TorchRunner":
        """The model in this process, loaded anew by each call; `double`: in float64."""
        require_pytorch()
        with without_collections():
            from runtimes.backends.pytorch.runner import TorchRunner

        # outside the block: a model is not to stay for good
        told = replace(reference_model(self.checkpoint), double=double)
        return TorchRunner.of(told, self.checkpoint.model.modules, self.weights)

    @contextmanager
    def opened(self, double: bool = False) -> "Iterator[TorchSubprocess | TorchRunner]":
        """The model until the block ends: in the subprocess that was started for it, or a new one, or this process."""
        require_pytorch()
        if double:
            self.close()
        if self._subprocess is None and self._in_subprocess:
            self._subprocess = TorchSubprocess(replace(reference_model(self.checkpoint), double=double))
        runner = self._subprocess or self.loaded(double)
        try:
            yield runner
        finally:
            self.close()

    def start(self) -> None:
        """Let a subprocess load a small model meanwhile.

        A large one is loaded when it is asked for, so that what else is in memory is gone by then. Raises
        RuntimeUnavailable for each that could not be loaded, before anything is written.
        """
        require_pytorch()
        if self._size_bytes <= _SMALL_BYTES and self._in_subprocess:
            self._subprocess = TorchSubprocess(reference_model(self.checkpoint))

    def close(self) -> None:
        """End the subprocess, if there is one."""
        if self._subprocess is not None:
            self._subprocess.close()
            self._subprocess = None

    @property
    def _in_subprocess(self) -> bool:
        """Whether PyTorch answers in a subprocess: where torch is here already, that would cost more, not less.

        None in its place is how `targets.coreml.coremltools` hides it for a moment.
        """
        return bool(sys.executable) and sys.modules.get("torch") is None and not self.weights

    @property
    def _size_bytes(self) -> int:
        """Of the weights, as float32."""
        return 4 * sum(prod(tensor.shape) for tensor in self.checkpoint.model.tensors.values())


def reference_model(checkpoint: Checkpoint) -> ReferenceModel:
    """What PyTorch is told of a checkpoint, here and where it is measured."""
    model, directory, config = checkpoint.model, checkpoint.source.directory, checkpoint.reference_config
    told = (model.head.architecture, tuple(model.outputs), model.inputs, _pooling(checkpoint), config)
    return ReferenceModel(directory, *told, wrapper=checkpoint.wrapper)


def _pooling(checkpoint: Checkpoint) -> Pooling | None:
    if checkpoint.recipe is None:
        return None
    read = {name: tensor.read for name, tensor in checkpoint.model.tensors.items()}
    layers: list[Layer | None] = []
    for step in checkpoint.recipe.steps:
        if step is None:
            layers.append(None)
        else:
            bias = read[f"{step.name}.bias"]() if step.biased else None
            layers.append(Layer(read[f"{step.name}.weight"](), bias, step.activation))
    return Pooling(checkpoint.recipe.pooling, tuple(layers))
