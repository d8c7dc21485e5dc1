"""A PyTorch session: the checkpoint's model in a subprocess, or here where torch is imported anyway."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.ops import Array
from exporter.model.tasks import FILL_MASK
from runtimes.backends.pytorch.description import Layer, Pooling, ReferenceModel
from runtimes.backends.pytorch.early import end_early
from runtimes.backends.pytorch.installed import require_pytorch
from runtimes.backends.pytorch.subprocess_runner import TorchSubprocess
from runtimes.process.heavy_imports import without_collections
from runtimes.process.progress import counted
from runtimes.process.threads import SMALL_BYTES, threads_for
from runtimes.runner import Batch, Outputs

if TYPE_CHECKING:
    from runtimes.backends.pytorch.runner import TorchRunner

_TOKENS_AT_ONCE = 8_192
"""Of one question to the subprocess: an answer of a few megabytes. Of a vocabulary's scores each text is one."""


class PyTorchSession:
    """transformers' model of one checkpoint. `weights` take the place of the checkpoint's, by transformers' names.

    `threads` are those that it answers with; None: as many as its size says.
    """

    def __init__(self, checkpoint: Checkpoint, weights: Mapping[str, Array], threads: int | None = None) -> None:
        self.checkpoint, self.weights, self._asked = checkpoint, weights, threads
        self._subprocess: TorchSubprocess | None = None

    def loaded(self, double: bool = False) -> "TorchRunner":
        """The model in this process, loaded anew by each call; `double`: in float64."""
        require_pytorch()
        with without_collections():
            from runtimes.backends.pytorch.runner import TorchRunner

        # outside the block: a model is not to stay for good
        return TorchRunner.of(replace(self.told(), double=double), self.checkpoint.model.modules, self.weights)

    def told(self) -> ReferenceModel:
        """What PyTorch is told of the model."""
        return replace(reference_model(self.checkpoint), threads=self.threads)

    @property
    def threads(self) -> int:
        """Those that PyTorch and ONNX Runtime compute with."""
        return threads_for(self._size_bytes, self._asked)

    @contextmanager
    def opened(self, double: bool = False) -> "Iterator[AskedModel]":
        """The model until the block ends, opened when it is first asked.

        In the subprocess that was started for it, or a new one, or this process.
        """
        try:
            yield AskedModel(lambda: self._open(double), 1 if self.checkpoint.task is FILL_MASK else _TOKENS_AT_ONCE)
        finally:
            self.close()

    def start(self) -> None:
        """Let a subprocess load a small model meanwhile.

        A large one is loaded when it is asked for, so that what else is in memory is gone by then. Raises
        RuntimeUnavailable for each that could not be loaded, before anything is written.
        """
        require_pytorch()
        if self.is_small and self._in_subprocess:
            self._subprocess = TorchSubprocess(self.told())
        else:
            end_early()

    def close(self) -> None:
        """End the subprocess, if there is one, and one that was started for it and never asked."""
        end_early()
        if self._subprocess is not None:
            self._subprocess.close()
            self._subprocess = None

    def _open(self, double: bool) -> "TorchSubprocess | TorchRunner":
        require_pytorch()
        if double and self._subprocess is not None:
            self._subprocess.close()
            self._subprocess = None
        if self._subprocess is None and self._in_subprocess:
            self._subprocess = TorchSubprocess(replace(self.told(), double=double), self.is_small)
        return self._subprocess or self.loaded(double)

    @property
    def _in_subprocess(self) -> bool:
        """Whether PyTorch answers in a subprocess: where torch is here already, that would cost more, not less.

        None in its place is how `targets.coreml.coremltools` hides it for a moment.
        """
        return bool(sys.executable) and sys.modules.get("torch") is None and not self.weights

    @property
    def is_small(self) -> bool:
        """Whether PyTorch may have the model while others are in memory."""
        return self._size_bytes <= SMALL_BYTES

    @property
    def _size_bytes(self) -> int:
        """Of the weights, as float32."""
        return 4 * sum(prod(tensor.shape) for tensor in self.checkpoint.model.tensors.values())


class AskedModel:
    """Answers as TorchRunner does; `opens` it when it is first asked, for so many tokens at once."""

    def __init__(self, opens: "Callable[[], TorchSubprocess | TorchRunner]", tokens_at_once: int) -> None:
        self._opens, self._tokens_at_once = opens, tokens_at_once

    def run_all(self, batches: Sequence[Batch]) -> list[Outputs]:
        """The outputs of each batch, by name; so many of them at once that an answer comes before long."""
        found: list[Outputs] = []
        with counted("answers of PyTorch", len(batches)) as count:
            while len(found) < len(batches):
                tokens, left = 0, batches[len(found) :]
                several = [batch for batch in left if (tokens := tokens + batch.ids.size) <= self._tokens_at_once]
                found += self._opened.run_all(several or left[:1])
                count.at(len(found))
        return found

    def tokens(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """Answer a question of `runtimes.backends.pytorch.tokenizer_source.ask_tokens`."""
        return self._opened.tokens(question)

    @cached_property
    def _opened(self) -> "TorchSubprocess | TorchRunner":
        return self._opens()


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
