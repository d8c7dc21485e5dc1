"""The PyTorch side of a parity run: made once for a checkpoint, used for every bundle of it."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from exporter.checkpoint import Checkpoint
from exporter.disk import read_own
from exporter.encoder.model import Model
from exporter.encoder.ops import Array, Extent, Inputs
from exporter.encoder.tasks import FILL_MASK, TEXT_CLASSIFICATION
from exporter.errors import CheckpointError, UsageError
from exporter.source import DEMO_DIRECTORY
from runtimes.battery import Case, Limits, build_battery, examples, fitted
from runtimes.heavy_imports import without_collections
from runtimes.pytorch_apart import TorchApart
from runtimes.reference_model import Layer, Pooling, ReferenceModel
from runtimes.renumbered import RenumberedRunner, survivors
from runtimes.runner import Batch, Outputs, Runner

if TYPE_CHECKING:
    from runtimes.pytorch import TorchRunner

TEST_ROWS = DEMO_DIRECTORY / "test_rows.jsonl"
_TEXTS = 96
_GOLDEN = 8
_BEST = 5
_TOKENS_AT_ONCE = 512
_SMALL_BYTES = 64_000_000
"""Of float32 weights: less than torch and transformers are without a model."""
_Run = Callable[[Batch], Outputs]
_Wanted = tuple[int, tuple[int, ...]]
"""Most tokens, and the lengths that a bundle's inputs have where padding shows."""
_PAIR_TASKS = {"mnli", "mnli-mm", "mrpc", "qnli", "qqp", "rte", "sts-b", "stsb", "wnli", "snli", "anli"}
_PAIR_LABELS = {"entailment", "not_entailment", "contradiction", "equivalent", "not_equivalent", "duplicate"}


def default_texts() -> list[str]:
    """English news in four topics, from the rows kept beside the demo checkpoint."""
    lines = read_own(TEST_ROWS).splitlines()
    return [json.loads(line)["text"] for line in lines[:_TEXTS]]


@dataclass(frozen=True)
class Battery:
    """Cases, and what PyTorch gives for each."""

    cases: list[Case]
    outputs: list[Outputs]
    limits: Limits


def reference_model(checkpoint: Checkpoint) -> ReferenceModel:
    """What PyTorch is told of a checkpoint, here and where it is measured."""
    model, directory, config = checkpoint.model, checkpoint.source.directory, checkpoint.reference_config
    outputs = tuple(model.outputs)
    return ReferenceModel(directory, model.head.architecture, outputs, model.inputs, _pooling(checkpoint), config)


class Reference:
    """Batteries of a checkpoint; torch is imported when the first of them is asked for, in a process of its own.

    With `kept`, the ids that a smaller vocabulary kept, batteries hold no other pieces: the texts that the smaller one
    cuts as the whole one does. `weights` take the place of the checkpoint's, by transformers' names.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        texts: Sequence[str] | None = None,
        pairs: bool = False,
        kept: Array | None = None,
        weights: Mapping[str, Array] = MappingProxyType({}),
    ) -> None:
        self.checkpoint, self.pairs = checkpoint, pairs or reads_pairs(checkpoint)
        self.kept, self._weights = kept, weights
        self.texts = self._unchanged(list(texts or default_texts()))
        self._cases = cache(self._make_cases)
        self._made: dict[_Wanted, Battery] = {}
        self._expected: set[_Wanted] = set()
        self._apart: TorchApart | None = None

    def loaded(self) -> "TorchRunner":
        """transformers' own model, from the original checkpoint, loaded anew by each call."""
        with without_collections():
            from runtimes.pytorch import TorchRunner

        # outside the block: a model is not to stay for good
        return TorchRunner.of(reference_model(self.checkpoint), self.checkpoint.model.modules, self._weights)

    def battery(self, positions: int | None, lengths: tuple[int, ...] = ()) -> Battery:
        """The battery for a model that takes `positions` tokens at most; None for all that the checkpoint takes.

        Where padding shows in the answers, PyTorch is given what a model of fixed `lengths` is given.
        """
        wanted = self._wanted(positions, lengths)
        if wanted not in self._made:
            self._answer({wanted, *self._expected})
        return self._made[wanted]

    def prepare(self, lengths: tuple[int, ...]) -> None:
        """Let PyTorch answer for a bundle before that is opened: one model in memory, not two."""
        self.battery(max(lengths, default=None), lengths)

    @contextmanager
    def expecting(self, every: Iterable[tuple[int, ...]]) -> Iterator[None]:
        """Within the block PyTorch is asked once for the bundles of `every` lengths, and loads a small model meanwhile.

        A large one is loaded when it is asked for, so that what else is in memory is gone by then.
        """
        self._expected = {self._wanted(max(lengths, default=None), lengths) for lengths in every}
        if self._expected and self._size_bytes <= _SMALL_BYTES and self._is_apart:
            self._apart = TorchApart(reference_model(self.checkpoint))
        try:
            yield
        finally:
            self._expected = set()
            self._close()

    def samples(self, positions: int) -> list[Inputs[Array]]:
        """The real texts as the task reads them, each alone and without padding; no torch is needed."""
        batches = [case.batch for case in self._cases(self._longest(positions)) if case.real_text]
        return [Inputs(batch.ids, batch.mask, batch.types) for batch in batches]

    def golden(self, lengths: tuple[int, ...]) -> dict[str, Any]:
        """What a test on a device replays: text → ids, mask, types → outputs; `lengths` where they are fixed."""
        battery = self.battery(max(lengths, default=None), lengths)
        real = [pair for pair in zip(battery.cases, battery.outputs, strict=True) if pair[0].real_text]
        texts = [_told(parts) for parts in examples(self.texts, battery.limits)]
        rows = list(zip(texts, real, strict=True))[:_GOLDEN]
        vectors = [text | _vector(*pair, self.checkpoint.model, self.kept) for text, pair in rows]
        return {"reference": "PyTorch float32", "vectors": vectors}

    def with_weights(self, weights: Mapping[str, Array]) -> "Reference":
        """The same over a model with other weights."""
        return Reference(self.checkpoint, self.texts, self.pairs, self.kept, weights)

    def as_asked(self, runner: Runner) -> Runner:
        """`runner`, to be asked in this checkpoint's ids."""
        return runner if self.kept is None else RenumberedRunner(runner, self.kept)

    def _unchanged(self, texts: list[str]) -> list[str]:
        if self.kept is None:
            return texts
        encodings = self.checkpoint.tokenizer.tokenizer.encode_batch(texts)
        found = [text for text, one in zip(texts, encodings, strict=True) if np.isin(one.ids, self.kept).all()]
        if not found:
            raise UsageError(
                f"none of {len(texts)} texts keeps all its pieces, so nothing can be compared; pass --texts"
            )
        return found

    def _longest(self, positions: int | None) -> int:
        return min(positions or self.checkpoint.max_tokens, self.checkpoint.max_tokens)

    def limits(self, positions: int) -> Limits:
        """What an input of the model may be."""
        checkpoint, task = self.checkpoint, self.checkpoint.task
        recipe, geometry = checkpoint.recipe, checkpoint.geometry
        return Limits(
            positions,
            geometry.types if "token_type_ids" in checkpoint.model.inputs else None,
            geometry.pad,
            pairs=task.pairs or self.pairs,
            choices=task.choices,
            mask_id=_mask_id(checkpoint) if task is FILL_MASK else None,
            # the largest of no token is −1e9: a number without meaning, and none of float16
            padding_row=recipe is None or recipe.pooling != "max",
        )

    def _make_cases(self, positions: int) -> list[Case]:
        cases = build_battery(self.checkpoint.tokenizer.tokenizer, self.texts, self.limits(positions))
        return cases if self.kept is None else survivors(cases, self.kept)

    def _wanted(self, positions: int | None, lengths: tuple[int, ...]) -> _Wanted:
        shows = self.checkpoint.model.family.padding_shows
        return self._longest(positions), lengths if shows else ()

    @property
    def _is_apart(self) -> bool:
        """Whether PyTorch answers in a process of its own: where torch is here already, that would cost more, not less.

        None in its place is how `targets.coreml_quiet` hides it for a moment.
        """
        return bool(sys.executable) and sys.modules.get("torch") is None and not self._weights

    @property
    def _size_bytes(self) -> int:
        """Of the weights, as float32."""
        return 4 * sum(prod(tensor.shape) for tensor in self.checkpoint.model.tensors.values())

    def _answer(self, every: set[_Wanted]) -> None:
        """Let PyTorch answer for all that is not made yet, with one model that stays no longer than for this."""
        if self._apart is None and self._is_apart:
            self._apart = TorchApart(reference_model(self.checkpoint))
        runner = self._apart or self.loaded()
        try:
            for wanted in sorted(every - self._made.keys()):
                self._made[wanted] = self._make_battery(runner.run, *wanted)
        finally:
            self._close()

    def _close(self) -> None:
        if self._apart is not None:
            self._apart.close()
            self._apart = None

    def _make_battery(self, run: _Run, positions: int, lengths: tuple[int, ...]) -> Battery:
        cases, outputs = self._cases(positions), self.checkpoint.model.outputs
        if lengths:
            cases = fitted(cases, lengths, self.checkpoint.geometry.pad)
        tokens = {name for name, extent in outputs.items() if extent in (Extent.TOKEN, Extent.POSITION)}
        found = [case.keep(_in_parts(run, case.batch), tokens) for case in cases]
        return Battery(cases, found, self.limits(positions))


def _in_parts(run: _Run, batch: Batch) -> Outputs:
    """The outputs of a batch, row by row where it is large: several rows of all positions take 100 MB more."""
    if batch.ids.size <= _TOKENS_AT_ONCE:
        return run(batch)
    parts = (batch.ids, batch.mask, batch.types)
    rows = [run(Batch(*(part[at : at + 1] for part in parts))) for at in range(len(batch.ids))]
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def _vector(case: Case, outputs: Outputs, model: Model, kept: Array | None) -> dict[str, Any]:
    """Ids, and what has an entry for each token, without the padding of a fixed length, which the model tells."""
    used = case.batch.used
    feeds = {name: values[0][..., :used].tolist() for name, values in case.batch.feeds(model.inputs).items()}
    if kept is not None:  # the bundle's own ids
        feeds["input_ids"] = np.searchsorted(kept, feeds["input_ids"]).tolist()
    if case.mask_id is not None:
        return feeds | _best_pieces(case, outputs)
    by_token = {name for name, extent in model.outputs.items() if extent in (Extent.TOKEN, Extent.POSITION)}
    rows = {name: values[0][:used] if name in by_token else values[0] for name, values in outputs.items()}
    return feeds | {name: np.round(row.astype(np.float64), 6).tolist() for name, row in rows.items()}


def _best_pieces(case: Case, outputs: Outputs) -> dict[str, Any]:
    """Of a vocabulary's scores the best few at each mask: all of them would outweigh the model."""
    positions = np.flatnonzero(case.counted[0])
    scores = outputs["logits"][0][case.kept[0]].astype(np.float64)  # [masks, V]
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :_BEST]
    top = np.round(np.take_along_axis(scores, best, -1), 6)
    return {"positions": positions.tolist(), "top_ids": best.tolist(), "top_logits": top.tolist()}


def _told(parts: tuple[str, ...]) -> dict[str, Any]:
    """A text, a pair, or a text and its choices, by the names of transformers' tokenizers."""
    if len(parts) > 2:
        return {"text": parts[0], "choices": list(parts[1:])}
    return dict(zip(("text", "text_pair"), parts, strict=False))


def reads_pairs(checkpoint: Checkpoint) -> bool:
    """Whether config.json tells that a classifier was trained on pairs: by the task of GLUE, or by its labels."""
    if checkpoint.task is not TEXT_CLASSIFICATION:
        return False
    told = str(checkpoint.config.get("finetuning_task") or "").lower()
    return told in _PAIR_TASKS or bool({label.lower() for label in checkpoint.labels} & _PAIR_LABELS)


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


def _mask_id(checkpoint: Checkpoint) -> int:
    """The id of the tokenizer's mask. Raises CheckpointError where it has none."""
    pieces = checkpoint.tokenizer.tokenizer.get_vocab(with_added_tokens=True)
    found = pieces.get(checkpoint.tokenizer.mask_token)
    if found is None:
        raise CheckpointError(
            f"{checkpoint.source.directory}: fill-mask needs a tokenizer with a mask token, and "
            f"{checkpoint.tokenizer.mask_token!r} is no piece of this one"
        )
    return found
