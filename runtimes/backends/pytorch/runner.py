"""The float32 reference: transformers' own model in PyTorch, from the original checkpoint.

On the CPU; a measurement may ask for another device.
"""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
import transformers

from runtimes.backends.pytorch.description import Pooling, ReferenceModel
from runtimes.backends.pytorch.own_configs import config_for
from runtimes.backends.pytorch.sentence_pooling import embed
from runtimes.errors import CheckpointError, in_our_words
from runtimes.runner import INPUTS, Array, Batch, Outputs, Status

if TYPE_CHECKING:
    from runtimes.backends.pytorch.tokenizer import Answerer

_READER = f"transformers {transformers.__version__}"
_ONE_LOAD = threading.Lock()
"""transformers 4 makes tensors without storage while it loads a model, by a switch of torch that all threads share."""
_THREAD_LIMIT = threading.Lock()


class TorchRunner:
    """See Runner.

    `architecture` is the name of transformers' class, from our own tables, `inputs` what is fed to it; `modules` are
    the parts of it that a trace shows: (path of the module, our name of its result). With `pooling` the one output is
    the embedding of each text. `weights` take the place of the checkpoint's, by transformers' names. `config` are the
    keys of transformers' config class; None lets it read config.json, which is for our own checkpoints alone. `wrapper`
    stands before every stored name. `double`: in float64, to judge float32 itself. `threads` are those that it answers
    with, whatever this process has set; None leaves that as it is.

    Raises CheckpointError for what transformers does not load or run.
    """

    status = Status.MEASURED
    positions: int | None = None

    def __init__(
        self,
        checkpoint: Path,
        architecture: str,
        outputs: tuple[str, ...] = ("logits",),
        modules: Sequence[tuple[str, str]] = (),
        pooling: Pooling | None = None,
        inputs: tuple[str, ...] = INPUTS,
        device: str = "cpu",
        weights: Mapping[str, Array] = MappingProxyType({}),
        config: Mapping[str, Any] | None = None,
        double: bool = False,
        wrapper: str = "",
        threads: int | None = None,
    ) -> None:
        self._outputs, self._modules, self._pooling = outputs, modules, pooling
        self._inputs, self._device, self._checkpoint, self._threads = inputs, device, checkpoint, threads
        transformers.utils.logging.set_verbosity_error()  # what it says of tensors, the exporter has said before
        transformers.utils.logging.disable_progress_bar()
        self._model = _load(checkpoint, architecture, partial(_settings, config, wrapper, double), device)
        self._replace(weights)

    @classmethod
    def of(
        cls,
        told: ReferenceModel,
        modules: Sequence[tuple[str, str]] = (),
        weights: Mapping[str, Array] = MappingProxyType({}),
        device: str = "cpu",
    ) -> "TorchRunner":
        """The model that `told` describes."""
        return cls(
            told.checkpoint,
            told.architecture,
            told.outputs,
            modules,
            told.pooling,
            told.inputs,
            device,
            weights,
            told.config,
            told.double,
            told.wrapper,
            told.threads,
        )

    @property
    def model(self) -> Any:
        """transformers' own, without dropout."""
        return self._model

    def run(self, batch: Batch) -> Outputs:
        """See Runner."""
        with torch.inference_mode(), in_our_words(self._refused), _computing_with(self._threads):
            return {name: values.cpu().numpy() for name, values in self.outputs(batch).items()}

    def run_all(self, batches: Sequence[Batch]) -> list[Outputs]:
        """The outputs of each of several batches."""
        return [self.run(batch) for batch in batches]

    def tokens(self, question: Mapping[str, Array]) -> dict[str, Array]:
        """Answer a question of `runtimes.backends.pytorch.tokenizer_source.ask_tokens`."""
        return self._answer(question)

    @cached_property
    def _answer(self) -> "Answerer":
        from runtimes.backends.pytorch.tokenizer import Answerer  # here: what is only run has no use for tokenizers

        return Answerer()

    def outputs(self, batch: Batch) -> dict[str, Any]:
        """As `run`, tensors on the device."""
        feeds = {name: torch.from_numpy(values).to(self._device) for name, values in batch.feeds(self._inputs).items()}
        found = self._model(**feeds)
        if self._pooling is not None:
            hidden = found.last_hidden_state
            mask = getattr(found, "attention_mask", feeds["attention_mask"])
            pooled = embed(hidden, mask, self._pooling)
            return {name: hidden if name == "last_hidden_state" else pooled for name in self._outputs}
        return {name: getattr(found, name) for name in self._outputs}

    def _refused(self, reason: str) -> CheckpointError:
        return CheckpointError(f"{self._checkpoint}: {_READER} does not run it: {reason}; save the model again")

    def _replace(self, weights: Mapping[str, Array]) -> None:
        given = {name: torch.from_numpy(values) for name, values in weights.items()}
        unknown = self._model.load_state_dict(given, strict=False).unexpected_keys
        if unknown:
            raise ValueError(f"{type(self._model).__name__} has no {', '.join(unknown)}")

    def fit(self, batch: Batch) -> Batch:
        """See Runner; any length will do."""
        return batch

    def trace(self, batch: Batch) -> Outputs:
        """See Runner; the tensors at the borders of transformers' modules, under our names, those that the task has."""
        kept: Outputs = {}
        names: dict[str, list[str]] = {}
        for path, name in self._modules:
            names.setdefault(path, []).append(name)
        found = dict(self._model.named_modules())
        shown = [(found[path], every) for path, every in names.items() if path in found]
        handles = [module.register_forward_hook(_keeper(kept, every)) for module, every in shown]
        try:
            outputs = self.run(batch)
        finally:
            for handle in handles:
                handle.remove()
        return kept | outputs


@contextmanager
def _computing_with(threads: int | None) -> Iterator[None]:
    """Within the block torch computes with so many threads; the number is the whole process's, so that runs take turns.

    Setting it costs nothing where it is set already.
    """
    if threads is None:
        yield
        return
    with _THREAD_LIMIT:
        found = torch.get_num_threads()
        if found != threads:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if found != threads:
                torch.set_num_threads(found)


def _settings(config: Mapping[str, Any] | None, wrapper: str, double: bool) -> dict[str, Any]:
    """What `from_pretrained` is told besides where the weights lie, and what is the same for all."""
    renamed = {"key_mapping": {f"^{re.escape(wrapper)}": ""}} if wrapper else {}
    told = {} if config is None else {"config": config_for(**config)}
    return {"dtype": torch.float64 if double else torch.float32, **renamed, **told}


def _load(checkpoint: Path, architecture: str, settings: Callable[[], dict[str, Any]], device: str) -> Any:
    from runtimes.backends.pytorch.own_models import model_class  # here: it makes all that a model needs be imported

    def refused(reason: str) -> CheckpointError:
        return CheckpointError(
            f"{checkpoint}: {_READER} does not load it as {architecture}: {reason}; save the model again with it"
        )

    with _ONE_LOAD, in_our_words(refused):
        model = model_class(architecture).from_pretrained(
            checkpoint,
            attn_implementation="eager",
            local_files_only=True,
            trust_remote_code=False,
            weights_only=True,
            **settings(),
        )
        return model.to(device).eval()


def _keeper(kept: Outputs, names: Sequence[str]) -> Callable[[Any, Any, torch.Tensor], None]:
    """Keeps each run's result of one module under the next of its names; ALBERT's layers are run several times."""
    runs = iter(names)

    def keep(_module: Any, _inputs: Any, result: torch.Tensor) -> None:
        kept[next(runs, names[-1])] = result.cpu().numpy()

    return keep
