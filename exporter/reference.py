"""The PyTorch side of a parity run: made once for a checkpoint, used for every bundle of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from exporter.checkpoint import Checkpoint
from exporter.encoder.model import Model
from exporter.encoder.ops import Array, Extent, Inputs
from exporter.source import DEMO_DIRECTORY
from runtimes.battery import Case, Limits, build_battery, fitted, paired
from runtimes.heavy_imports import without_collections
from runtimes.runner import Outputs, Runner

TEST_ROWS = DEMO_DIRECTORY / "test_rows.jsonl"
_TEXTS = 96
_GOLDEN = 8


def default_texts() -> list[str]:
    """English news in four topics, from the rows kept beside the demo checkpoint."""
    lines = TEST_ROWS.read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines[:_TEXTS]]


@dataclass(frozen=True)
class Battery:
    """Cases, and what PyTorch gives for each."""

    cases: list[Case]
    outputs: list[Outputs]


class Reference:
    """Batteries of a checkpoint; torch is imported when the first of them is asked for."""

    def __init__(self, checkpoint: Checkpoint, texts: Sequence[str] | None = None) -> None:
        self.checkpoint = checkpoint
        self.texts = list(texts or default_texts())
        self._cases = cache(self._make_cases)
        self._battery = cache(self._make_battery)

    @cached_property
    def runner(self) -> Runner:
        """transformers' own model, from the original checkpoint."""
        with without_collections():
            from runtimes.pytorch import TorchRunner

            checkpoint, model = self.checkpoint, self.checkpoint.model
            outputs = tuple(model.task.outputs)
            return TorchRunner(
                checkpoint.source.directory, model.head.architecture, outputs, model.modules, model.inputs
            )

    def battery(self, positions: int | None, lengths: tuple[int, ...] = ()) -> Battery:
        """The battery for a model that takes `positions` tokens at most; None for all that the checkpoint takes.

        Where padding shows in the answers, PyTorch is given what a model of fixed `lengths` is given.
        """
        shows = self.checkpoint.model.family.padding_shows
        return self._battery(positions or self.checkpoint.geometry.positions, lengths if shows else ())

    def samples(self, positions: int) -> list[Inputs[Array]]:
        """The real texts as the task reads them, each alone and without padding; no torch is needed."""
        batches = [case.batch for case in self._cases(positions) if case.real_text]
        return [Inputs(batch.ids, batch.mask, batch.types) for batch in batches]

    def golden(self, lengths: tuple[int, ...]) -> dict[str, Any]:
        """What a test on a device replays: text → ids, mask, types → outputs; `lengths` where they are fixed."""
        battery = self.battery(max(lengths, default=None), lengths)
        real = [pair for pair in zip(battery.cases, battery.outputs, strict=True) if pair[0].real_text]
        texts = [{"text": text} for text in self.texts]
        if self.checkpoint.task.pairs:
            texts = [{"text": first, "text_pair": second} for first, second in paired(self.texts)]
        rows = list(zip(texts, real, strict=True))[:_GOLDEN]
        model = self.checkpoint.model
        return {"reference": "PyTorch float32", "vectors": [text | _vector(*pair, model) for text, pair in rows]}

    def _make_cases(self, positions: int) -> list[Case]:
        checkpoint, geometry = self.checkpoint, self.checkpoint.geometry
        types = geometry.types if "token_type_ids" in checkpoint.model.inputs else None
        limits = Limits(positions, types, geometry.pad, checkpoint.task.pairs)
        return build_battery(checkpoint.tokenizer.tokenizer, self.texts, limits)

    def _make_battery(self, positions: int, lengths: tuple[int, ...]) -> Battery:
        cases = self._cases(positions)
        if lengths:
            cases = fitted(cases, lengths, self.checkpoint.geometry.pad)
        return Battery(cases, [self.runner.run(case.batch) for case in cases])


def _vector(case: Case, outputs: Outputs, model: Model) -> dict[str, Any]:
    """Of ids, and of what has an entry for each token, without the padding, which the model's length says."""
    feeds = case.batch.feeds(model.inputs)
    by_token = {*feeds, *(name for name, extent in model.task.outputs.items() if extent is not Extent.TEXT)}
    rows = {name: values[0] for name, values in (feeds | outputs).items()}
    cut = {name: row[: case.batch.used] if name in by_token else row for name, row in rows.items()}
    return {name: _rounded(row).tolist() for name, row in cut.items()}


def _rounded(values: Array) -> Array:
    return np.round(values.astype(np.float64), 6) if values.dtype.kind == "f" else values
