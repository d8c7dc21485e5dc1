"""Running labelled rows through a bundle and PyTorch: answers, figures, and warnings about them."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.model.ops import Extent
from exporter.verification.check import Answering
from exporter.verification.reference.reference import Reference
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import Bundle
from runtimes.evaluation.choice_of_metric import by_metric
from runtimes.evaluation.comparison import Comparison, compare_answers, doubts
from runtimes.evaluation.constant import against_constant
from runtimes.evaluation.data.dataset import DataFile, Dataset, read_dataset
from runtimes.evaluation.data.examples import Encoded, encode_all
from runtimes.evaluation.predict import predict
from runtimes.evaluation.problems import by_aggregation, find_problem
from runtimes.parity.cases import Encoder, Limits
from runtimes.process.progress import counted
from runtimes.runner import Outputs, Runner

_log = logging.getLogger(__name__)

_PYTORCH_ROWS = 32
"""PyTorch takes that many at once; a bundle takes them one at a time, see `predict`."""


_DEFAULT = Answering()


@dataclass(frozen=True)
class Evaluation:
    """A bundle's figures beside PyTorch's. Answers and what is right are row by row; `cut_rows` were too long.

    `changed_rows` fall into other tokens, where the bundle's vocabulary is the smaller one; `positions` is the most
    tokens that both sides were given; `took_s` what the bundle's answers took. `aggregation`: what was asked to decide
    a word's label.
    """

    bundle: Bundle
    dataset: Dataset
    comparison: Comparison
    status: str
    positions: int
    cut_rows: int
    reference: list[Any]
    candidate: list[Any]
    warnings: list[str]
    took_s: float
    changed_rows: int = 0
    aggregation: str | None = None

    @property
    def drop_points(self) -> float:
        """What the bundle loses of the first figure, in hundredths."""
        return self.comparison.drop_points


class Examiner:
    """Rows of one file, put to any bundle of one checkpoint; PyTorch answers them once for each length of input."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        data: DataFile,
        answering: Answering = _DEFAULT,
        metric: str | None = None,
        quiet: bool = False,
        aggregation: str | None = None,
    ) -> None:
        self.checkpoint, self._pytorch = checkpoint, Reference(checkpoint, answering=answering)
        self._aggregation = aggregation
        self._level = logging.DEBUG if quiet else logging.INFO
        found = find_problem(checkpoint.problem, checkpoint.labels, checkpoint.activation)
        told = checkpoint.config.get("finetuning_task")
        task = told if isinstance(told, str) else None
        decided = by_aggregation(found, checkpoint.problem, aggregation)
        self.problem = by_metric(decided, checkpoint.problem, checkpoint.labels, metric, task)
        self.dataset = read_dataset(data, self.problem, checkpoint.labels)
        for note in self.dataset.notes:
            _log.log(self._level, f"{data.path.name}: {note}")
        self.encoded = cache(self._encode)
        self.reference = cache(self._reference)

    def examine(self, bundle: Bundle, name: str) -> Evaluation:
        """Put every row to both sides. `name` is what progress calls the bundle."""
        runner = open_runner(bundle, self._pytorch.threads)
        positions = min(runner.positions or self.checkpoint.max_tokens, self.checkpoint.max_tokens)
        encoded, labels, golds = self.encoded(positions), self.checkpoint.labels, self.dataset.golds
        reference = self.answers(self.reference(positions), encoded)
        own = self.own(bundle, positions)
        changed = sum(a.encoding.tokens != b.encoding.tokens for a, b in zip(encoded, own, strict=True))
        if changed:
            _log.log(
                self._level,
                f"{changed:,} of {len(own):,} rows are tokenized differently by the bundle's trimmed vocabulary",
            )
        start = time.perf_counter()
        candidate = self.answers(self.outputs(runner, bundle.token_outputs, own, name), own)
        took_s = time.perf_counter() - start
        comparison = compare_answers(self.problem, golds, reference, candidate, labels)
        warnings = doubts(self.checkpoint.problem, golds, reference, labels)
        warnings += against_constant(self.problem, self.checkpoint.problem, golds, reference, labels)
        truncated = sum(one.truncated for one in encoded)
        status = runner.status.value
        return Evaluation(
            bundle,
            self.dataset,
            comparison,
            status,
            positions,
            truncated,
            reference,
            candidate,
            warnings,
            took_s,
            changed,
            self._aggregation,
        )

    def answers(self, outputs: Sequence[Outputs], encoded: Sequence[Encoded]) -> list[Any]:
        """What a user sees of each row."""
        return [self.problem.decide(row, one) for row, one in zip(outputs, encoded, strict=True)]

    def outputs(
        self, runner: Runner, per_token: frozenset[str], encoded: Sequence[Encoded], name: str, rows_at_once: int = 1
    ) -> list[Outputs]:
        """The numbers of each row."""
        limits = self._limits(runner.positions or self.checkpoint.max_tokens)
        encoder = Encoder(self.checkpoint.tokenizer.tokenizer, limits)
        with counted(f"{name}: different rows", len(encoded)) as count:
            return predict(runner, encoder, encoded, per_token, rows_at_once, count.at)

    def own(self, bundle: Bundle, positions: int) -> list[Encoded]:
        """The rows as the bundle's own tokenizer encodes them: not as the checkpoint's where it was trimmed."""
        if bundle.manifest.recipe.vocabulary_size is None:
            return self.encoded(positions)
        tokenizer = open_tokenizer(bundle.directory / "tokenizer.json")
        return encode_all(tokenizer, self.dataset.examples, self._limits(positions), self.problem.only_second)

    def _encode(self, positions: int) -> list[Encoded]:
        tokenizer, truncate_second = self.checkpoint.tokenizer.tokenizer, self.problem.only_second
        encoded = encode_all(tokenizer, self.dataset.examples, self._limits(positions), truncate_second)
        truncated = sum(one.truncated for one in encoded)
        if truncated:
            _log.log(
                self._level,
                f"{truncated:,} of {len(encoded):,} rows are longer than {positions} tokens: truncated, on both sides",
            )
        return encoded

    def _reference(self, positions: int) -> list[Outputs]:
        outputs, encoded = self.checkpoint.model.outputs, self.encoded(positions)
        per_token = frozenset(name for name, extent in outputs.items() if extent in (Extent.TOKEN, Extent.POSITION))
        made = lambda: self.outputs(self._pytorch.loaded(), per_token, encoded, "PyTorch", _PYTORCH_ROWS)  # noqa: E731
        how = [positions, sorted(per_token), _PYTORCH_ROWS]
        return self._pytorch.rows([(one.ids, one.types) for one in encoded], how, made)

    def _limits(self, positions: int) -> Limits:
        geometry = self.checkpoint.geometry
        types = geometry.types if "token_type_ids" in self.checkpoint.model.inputs else None
        longest, pairs = min(positions, self.checkpoint.max_tokens), self.checkpoint.task.pairs
        prompt, side = self.checkpoint.prompt, self.checkpoint.truncation_side
        return Limits(longest, types, geometry.pad, pairs, prompt=prompt, side=side)
