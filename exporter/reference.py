"""The PyTorch side of a parity run: made once for a checkpoint, used for every bundle of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from exporter.checkpoint import Checkpoint
from exporter.encoder.ops import Array, Inputs
from exporter.source import DEMO_DIRECTORY
from runtimes.battery import Case, Limits, build_battery, paired
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

    def battery(self, positions: int | None) -> Battery:
        """The battery for a model that takes `positions` tokens at most; None for all that the checkpoint takes."""
        return self._battery(positions or self.checkpoint.geometry.positions)

    def samples(self, positions: int) -> list[Inputs[Array]]:
        """The real texts as the task reads them, each alone and without padding; no torch is needed."""
        batches = [case.batch for case in self._cases(positions) if case.real_text]
        return [Inputs(batch.ids, batch.mask, batch.types) for batch in batches]

    def golden(self, positions: int | None) -> dict[str, Any]:
        """What a test on a device replays: text → ids, mask, types → outputs."""
        battery = self.battery(positions)
        real = [pair for pair in zip(battery.cases, battery.outputs, strict=True) if pair[0].real_text]
        texts = [{"text": text} for text in self.texts]
        if self.checkpoint.task.pairs:
            texts = [{"text": first, "text_pair": second} for first, second in paired(self.texts)]
        rows = list(zip(texts, real, strict=True))[:_GOLDEN]
        inputs = self.checkpoint.model.inputs
        return {"reference": "PyTorch float32", "vectors": [text | _vector(*pair, inputs) for text, pair in rows]}

    def _make_cases(self, positions: int) -> list[Case]:
        checkpoint, geometry = self.checkpoint, self.checkpoint.geometry
        types = geometry.types if "token_type_ids" in checkpoint.model.inputs else None
        limits = Limits(positions, types, geometry.pad, checkpoint.task.pairs)
        return build_battery(checkpoint.tokenizer.tokenizer, self.texts, limits)

    def _make_battery(self, positions: int) -> Battery:
        cases = self._cases(positions)
        return Battery(cases, [self.runner.run(case.batch) for case in cases])


def _vector(case: Case, outputs: Outputs, inputs: tuple[str, ...]) -> dict[str, Any]:
    feeds = {name: values[0].tolist() for name, values in case.batch.feeds(inputs).items()}
    rounded = {name: np.round(values[0].astype(np.float64), 6).tolist() for name, values in outputs.items()}
    return feeds | rounded
