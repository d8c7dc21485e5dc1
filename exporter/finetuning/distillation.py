"""Distillation of a product-quantized model from its float model, without adding a byte to it.

The codes stay. What their codebooks hold is trained, the vectors of every LayerNorm, and of the encoder's linear layers
the bias and one gain for each row: W·g rounds to the integers that W rounds to, with other scales. The layers are
computed with their int8 or int4 as they will ship, so that nothing is learnt that the rounding would undo.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from exporter.compression.integer_rounding import int4_rows, int8
from exporter.compression.product_quantization import stored_codebooks
from runtimes.backends.pytorch.runner import TorchRunner
from runtimes.process.progress import track
from runtimes.runner import Array, Batch, Outputs

_log = logging.getLogger(__name__)

_CODEBOOK_PEAK, _VECTOR_PEAK = 0.02, 5e-4
"""Adam's largest steps, tried on the demo checkpoint; they rise over the first tenth of the steps and fall to 0.
That of codebooks is a share of their root mean square."""
_WARM_UP = 0.1
Pair = tuple[Batch, Batch]
"""The same texts for the teacher and the student, which may tokenize them differently; in the teacher's ids."""


@dataclass(frozen=True)
class CodedTable:
    """`codes` uint8 [tokens, H / d] into `codebook` float32 [H / d, 256, d]; `ids` [tokens] are the teacher's."""

    codes: Array
    codebook: Array
    ids: Array


@dataclass(frozen=True)
class Rounding:
    """How the student is rounded: `narrow` as of schemes; `multiplied` are modules that no file holds as they are.

    Those stay floats in narrow students: the product that ships in their place rounds to other int4 than they do.
    `tables` are other tables as they ship, by the paths of their modules: they are no more trained than codes are.
    """

    narrow: bool = False
    multiplied: frozenset[str] = frozenset()
    tables: Mapping[str, Array] = field(default_factory=dict)

    def of(self, path: str, weight: Array) -> Array:
        """The weight [out, in] of the linear layer at `path` as it ships, in floats."""
        if self.narrow and path in self.multiplied:
            return weight
        q, scale = (int4_rows if self.narrow else int8)(weight)
        return np.asarray(q * scale.astype(np.float32))

    def shipped(self, part: "_RoundedLinear") -> Any:
        """The trained weight, which rounds to what was trained: int4 as it is rounded, for it is no longer near."""
        return (part.rounded if self.narrow else part.whole) * part.gain[:, None]


@dataclass(frozen=True)
class Training:
    """Batches to learn from in each epoch, and to be judged by.

    `per_token` names the outputs with an entry for each token.
    """

    learn: Sequence[Sequence[Pair]]
    judge: Sequence[Pair]
    per_token: frozenset[str]
    seed: int


class _CodedEmbedding(nn.Module):
    """Rows of a table by the teacher's ids."""

    def __init__(self, table: CodedTable) -> None:
        super().__init__()
        rows: Array = np.zeros(int(table.ids.max()) + 1, np.int64)
        rows[table.ids] = np.arange(len(table.ids))
        starts = np.arange(table.codes.shape[1]) * table.codebook.shape[1]
        self.rows, self.entries = torch.from_numpy(rows), torch.from_numpy(table.codes.astype(np.int64) + starts)
        self.codebook = nn.Parameter(torch.from_numpy(table.codebook.reshape(-1, table.codebook.shape[-1]).copy()))

    def forward(self, ids: Any) -> Any:
        """[B, S] → [B, S, H]."""
        return nn.functional.embedding(self.entries[self.rows[ids]], self.codebook).flatten(-2)


class _RoundedLinear(nn.Module):
    """A linear layer whose weights are integers by row: y = (ŵ·g)·x + b."""

    def __init__(self, layer: nn.Linear, rounded: Array) -> None:
        super().__init__()
        self.whole, self.rounded = layer.weight.detach(), torch.from_numpy(rounded)
        self.gain = nn.Parameter(torch.ones(len(self.whole)))
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach().clone())

    def forward(self, x: Any) -> Any:
        """[…, in] → […, out]; gains after the product, for then no gradient of a matrix is computed."""
        y = nn.functional.linear(x, self.rounded) * self.gain
        return y if self.bias is None else y + self.bias


class Student:
    """A model of transformers, loaded for this alone: its word table coded, its encoder's linear layers rounded."""

    def __init__(self, runner: TorchRunner, table: CodedTable, rounding: Rounding) -> None:
        _replace(runner.model, rounding.tables)
        self._runner, self._places, self.ids, self._rounding = runner, len(table.codebook), table.ids, rounding
        self.embedding, self._parts = _CodedEmbedding(table), _prepared(runner.model, rounding)
        runner.model.set_input_embeddings(self.embedding)

    @property
    def vectors(self) -> list[Any]:
        """Parameters besides the codebook."""
        return [value for part in self._parts.values() for value in part.parameters()]

    @property
    def codebook(self) -> Array:
        """As a file holds it: float16 or int8, in float32 [H / d, 256, d]."""
        values = self.embedding.codebook.detach().numpy()
        return stored_codebooks(values.reshape(self._places, -1, values.shape[-1]), self._rounding.narrow)

    @property
    def weights(self) -> dict[str, Array]:
        """What else was trained, whole tensors by transformers' names."""
        found = {f"{path}.weight": values for path, values in self._rounding.tables.items()}
        for path, part in self._parts.items():
            weight = self._rounding.shipped(part) if isinstance(part, _RoundedLinear) else part.weight
            tensors = {f"{path}.weight": weight, f"{path}.bias": part.bias}
            found |= {name: tensor.detach().numpy().copy() for name, tensor in tensors.items() if tensor is not None}
        return found

    def run(self, batch: Batch) -> Outputs:
        """Outputs of a batch in the teacher's ids."""
        return self._runner.run(batch)

    def outputs(self, batch: Batch) -> dict[str, Any]:
        """As `run`, tensors that know where they come from."""
        return self._runner.outputs(batch)

    def copy(self) -> list[Any]:
        """All that is trained, as it is now."""
        return [value.detach().clone() for value in (self.embedding.codebook, *self.vectors)]

    def restore(self, values: list[Any]) -> None:
        """What `copy` gave."""
        with torch.no_grad():
            for own, value in zip((self.embedding.codebook, *self.vectors), values, strict=True):
                own.copy_(value)


def distil(teacher: TorchRunner, student: Student, training: Training) -> list[float]:
    """Train the student; return its loss on the judging batches before and after each epoch, and leave it at the best.

    A loss is the mean squared difference of the outputs over the variance of the teacher's. On one thread: the same
    numbers every time.
    """
    with _one_thread():
        course = _Course(teacher, student, training.per_token, _variances(teacher, training))
        losses, best = [course.judged(training.judge)], student.copy()
        optimiser, schedule = _optimiser(student, sum(map(len, training.learn)))
        rng, epochs = np.random.default_rng(training.seed), len(training.learn)
        for epoch, learn in enumerate(track(training.learn, "epochs"), 1):
            for at in rng.permutation(len(learn)):
                optimiser.zero_grad()
                course.loss(learn[at]).backward()
                optimiser.step()
                schedule.step()
            losses.append(course.judged(training.judge))
            _log.info(f"epoch {epoch} of {epochs}: held-out loss {losses[-1]:.4g}, {losses[0]:.4g} before")
            best = student.copy() if losses[-1] == min(losses) else best
        student.restore(best)
    return losses


@dataclass(frozen=True)
class _Course:
    """Who learns from whom, and by what each output's differences are measured.

    `answers` are the teacher's, by the batch's identity: given once, but where each token has one, for those would take
    more memory than time.
    """

    teacher: TorchRunner
    student: Student
    per_token: frozenset[str]
    scales: dict[str, float]
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    def loss(self, pair: Pair) -> Any:
        """Mean over the outputs; of those for each token, over the tokens that are no padding."""
        wanted = self._wanted(pair[0])
        found = self.student.outputs(pair[1])
        squares = {name: (found[name] - wanted[name]).square() / self.scales[name] for name in wanted}
        parts = [one[_seen(pair[1])] if name in self.per_token else one for name, one in squares.items()]
        return torch.stack([part.mean() for part in parts]).mean()

    def _wanted(self, batch: Batch) -> dict[str, Any]:
        if id(batch) in self.answers:
            return self.answers[id(batch)]
        with torch.no_grad():
            found = self.teacher.outputs(batch)
        if not self.per_token:
            self.answers[id(batch)] = found
        return found

    def judged(self, pairs: Sequence[Pair]) -> float:
        """The loss over batches, each by its rows."""
        with torch.inference_mode():
            found = [float(self.loss(pair)) for pair in pairs]
        return float(np.average(found, weights=[len(batch.ids) for batch, _ in pairs]))


@contextmanager
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _replace(model: Any, tables: Mapping[str, Array]) -> None:
    for path, values in tables.items():
        model.get_submodule(path).weight.data = torch.from_numpy(values.copy())


def _prepared(model: Any, rounding: Rounding) -> dict[str, Any]:
    """Freeze a model, round the linear layers of its encoder, and return these and its LayerNorms, by their paths."""
    model.requires_grad_(False)
    inside = {id(module) for module in model.base_model.modules()}
    parts: dict[str, Any] = {}
    for path, module in list(model.named_modules()):
        if isinstance(module, nn.Linear) and id(module) in inside:
            parts[path] = _RoundedLinear(module, rounding.of(path, module.weight.detach().numpy()))
            model.set_submodule(path, parts[path])
        elif type(module).__name__.endswith("Norm"):  # MobileBERT's own is called NoNorm
            parts[path] = module.requires_grad_(True)
    return parts


def _optimiser(student: Student, steps: int) -> tuple[Any, Any]:
    codebook = student.embedding.codebook
    groups = [
        {"params": [codebook], "lr": _CODEBOOK_PEAK * float(codebook.detach().square().mean().sqrt())},
        {"params": student.vectors, "lr": _VECTOR_PEAK},
    ]
    optimiser, rise = torch.optim.Adam(groups), max(1, int(_WARM_UP * steps))

    def factor(step: int) -> float:
        return min((step + 1) / rise, (steps - step) / max(1, steps - rise))

    return optimiser, torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def _variances(teacher: TorchRunner, training: Training) -> dict[str, float]:
    """Of each output over the judging batches."""
    found: dict[str, list[Any]] = {}
    with torch.inference_mode():
        for batch, _ in training.judge:
            for name, values in teacher.outputs(batch).items():
                seen = values[_seen(batch)] if name in training.per_token else values
                found.setdefault(name, []).append(seen.flatten())
    return {name: max(float(torch.cat(parts).var()), 1e-12) for name, parts in found.items()}


def _seen(batch: Batch) -> Any:
    return torch.from_numpy(batch.mask.astype(bool))
