"""The float32 reference of a checkpoint: PyTorch's outputs, computed once for all of its bundles."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.ops import Array, Extent, Inputs
from exporter.verification.check import Answering
from exporter.verification.reference.case_source import CaseSource
from exporter.verification.reference.kept_answers import KeptAnswers
from exporter.verification.reference.session import AskedModel, PyTorchSession
from exporter.verification.tokenizer_parity import Heard, hear
from runtimes.backends.pytorch.tokenizer_source import Ask
from runtimes.parity.cases import Case, Limits, fitted
from runtimes.parity.trimmed_vocabulary import RenumberedRunner
from runtimes.runner import Batch, Outputs, Runner

if TYPE_CHECKING:
    from runtimes.backends.pytorch.runner import TorchRunner

_log = logging.getLogger(__name__)

_TOKENS_AT_ONCE = 512
_Wanted = tuple[int, tuple[int, ...]]
"""Most tokens, and the lengths that a bundle's inputs have where padding shows."""


@dataclass(frozen=True)
class Battery:
    """Cases, and what PyTorch gives for each."""

    cases: list[Case]
    outputs: list[Outputs]
    limits: Limits


_DEFAULT = Answering()


class Reference:
    """Batteries of a checkpoint; torch is imported when the first of them is asked for, in a process of its own.

    With `kept`, the ids that a smaller vocabulary kept, batteries hold no other tokens: the texts that the smaller one
    tokenizes as the whole one does. `weights` take the place of the checkpoint's, by transformers' names: what such a
    model answers is never kept.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        texts: Sequence[str] | None = None,
        pairs: bool = False,
        kept: Array | None = None,
        weights: Mapping[str, Array] = MappingProxyType({}),
        answering: Answering = _DEFAULT,
    ) -> None:
        self.checkpoint, self.kept, self.answering = checkpoint, kept, answering
        self._session = PyTorchSession(checkpoint, weights, answering.threads)
        self._answered = KeptAnswers(checkpoint, self._session.told, answering.cached and not weights)
        self._said = False
        self.source = CaseSource(checkpoint, texts, pairs, kept)
        self._cases = cache(self.source.cases)
        self._made: dict[_Wanted, Battery] = {}
        self._further: dict[_Wanted, Battery] = {}
        self._expected: set[_Wanted] = set()
        self.heard: Heard | None = None

    def loaded(self, double: bool = False) -> "TorchRunner":
        """See PyTorchSession."""
        return self._session.loaded(double)

    @property
    def threads(self) -> int:
        """Those that both sides of a comparison compute with, where their runtime has any."""
        return self._session.threads

    @property
    def is_small(self) -> bool:
        """Whether PyTorch may have the model while others are in memory."""
        return self._session.is_small

    def batches(self, positions: int | None) -> list[Batch]:
        """Those of the battery for a model of any length."""
        return [case.batch for case in self._cases(self._longest(positions))]

    def battery(self, positions: int | None, lengths: tuple[int, ...] = ()) -> Battery:
        """The battery for a model that takes `positions` tokens at most; None for all that the checkpoint takes.

        Where padding shows in the answers, PyTorch is given what a model of fixed `lengths` is given.
        """
        wanted = self._wanted(positions, lengths)
        if wanted not in self._made:
            self._answer({wanted, *self._expected})
        return self._made[wanted]

    def further(self, positions: int | None, lengths: tuple[int, ...] = ()) -> Battery:
        """More real texts, for what `battery` leaves open; without any where the user gave texts, all of them taken."""
        wanted = self._wanted(positions, lengths)
        if wanted not in self._further:
            cases = self.source.further_cases(wanted[0])
            none = Battery([], [], self.source.limits(wanted[0]))
            self._further[wanted] = self._asked(cases, *wanted) if cases else none
        return self._further[wanted]

    def exact(self, cases: Sequence[Case]) -> list[Outputs]:
        """What PyTorch answers to cases in float64."""
        with self._session.opened(double=True) as torch:
            return self._answers(torch, cases, double=True)

    def rows(
        self, rows: Sequence[tuple[Sequence[int], Sequence[int]]], how: object, made: Callable[[], list[Outputs]]
    ) -> list[Outputs]:
        """What PyTorch answers to rows of token and type ids, an entry without a batch's axis for each.

        `made` asks it, `how` is what that depends on besides.
        """
        parts = [np.array([ids, [1] * len(ids), types], np.int64)[:, None] for ids, types in rows]
        ask = lambda: [{name: values[None] for name, values in row.items()} for row in made()]  # noqa: E731
        found = self._answered.answers([Batch(*part) for part in parts], how, list(self.checkpoint.model.outputs), ask)
        self._tell()
        return [{name: values[0] for name, values in row.items()} for row in found]

    def case(self, name: str, positions: int | None, lengths: tuple[int, ...]) -> Case:
        """The case of that name, the battery's first if there is none."""
        known, wanted = self.battery(positions, lengths).cases, self._wanted(positions, lengths)
        more = self._further[wanted].cases if wanted in self._further else []
        return next((case for case in [*known, *more] if case.name == name), known[0])

    def prepare(self, lengths: tuple[int, ...]) -> None:
        """Let PyTorch answer for a bundle before that is opened: one model in memory, not two."""
        self.battery(max(lengths, default=None), lengths)

    @contextmanager
    def expecting(self, every: Iterable[tuple[int, ...]]) -> Iterator[None]:
        """Within the block PyTorch answers once for the bundles of `every` lengths; a small model loads meanwhile.

        Unless answers are kept: then it is loaded when one turns out to be missing.
        """
        self._expected = {self._wanted(max(lengths, default=None), lengths) for lengths in every}
        if self._expected and not self._answered.are_likely:
            self._session.start()
        try:
            yield
        finally:
            self._expected = set()
            self._session.close()

    def samples(self, positions: int) -> list[Inputs[Array]]:
        """The real texts as the task reads them, each alone and without padding; no torch is needed."""
        batches = [case.batch for case in self._cases(self._longest(positions)) if case.real_text]
        return [Inputs(batch.ids, batch.mask, batch.types) for batch in batches]

    def with_weights(self, weights: Mapping[str, Array]) -> "Reference":
        """The same over a model with other weights."""
        return Reference(self.checkpoint, self.source.texts, self.source.pairs, self.kept, weights, self.answering)

    def as_asked(self, runner: Runner) -> Runner:
        """`runner`, to be asked in this checkpoint's ids."""
        return runner if self.kept is None else RenumberedRunner(runner, self.kept)

    def _longest(self, positions: int | None) -> int:
        return min(positions or self.checkpoint.max_tokens, self.checkpoint.max_tokens)

    def _wanted(self, positions: int | None, lengths: tuple[int, ...]) -> _Wanted:
        shows = self.checkpoint.model.family.padding_shows
        return self._longest(positions), lengths if shows else ()

    def _answer(self, every: set[_Wanted]) -> None:
        """Let PyTorch answer for all that is not made yet, with one model that stays no longer than for this."""
        with self._session.opened() as torch:
            for wanted in sorted(every - self._made.keys()):
                self._made[wanted] = self._make_battery(torch, self._cases(wanted[0]), *wanted)
            if self.heard is None and not self._session.weights:
                checkpoint, texts = self.checkpoint, self.source.texts
                self.heard = hear(self._ask(torch), checkpoint.tokenizer, texts, checkpoint.geometry.vocabulary)

    def _asked(self, cases: list[Case], positions: int, lengths: tuple[int, ...]) -> Battery:
        with self._session.opened() as torch:
            return self._make_battery(torch, cases, positions, lengths)

    def _make_battery(self, torch: AskedModel, cases: list[Case], positions: int, lengths: tuple[int, ...]) -> Battery:
        if lengths:
            cases = fitted(cases, lengths, self.checkpoint.geometry.pad)
        return Battery(cases, self._answers(torch, cases), self.source.limits(positions))

    def _answers(self, torch: AskedModel, cases: Sequence[Case], double: bool = False) -> list[Outputs]:
        outputs = self.checkpoint.model.outputs
        tokens = {name for name, extent in outputs.items() if extent in (Extent.TOKEN, Extent.POSITION)}
        how = [double, _TOKENS_AT_ONCE, sorted(tokens), [case.mask_id for case in cases]]
        made = lambda: [case.keep(found, tokens) for case, found in zip(cases, _in_parts(torch, cases), strict=True)]  # noqa: E731
        found = self._answered.answers([case.batch for case in cases], how, list(outputs), made)
        self._tell()
        return found

    def _ask(self, torch: AskedModel) -> Ask:
        return lambda question: self._answered.tokens(question, torch.tokens)

    def _tell(self) -> None:
        """Say once that what PyTorch answered was kept, and since when."""
        if self._answered.used and not self._said:
            days = " and ".join(sorted(self._answered.used))
            _log.info(f"PyTorch's answers are those that it gave on {days}; --no-cache asks it again")
            self._said = True


def _in_parts(torch: AskedModel, cases: Sequence[Case]) -> list[Outputs]:
    """The outputs of each case, row by row where it is large: several rows of all positions take 100 MB more."""
    parts = [case.batch.items if case.batch.ids.size > _TOKENS_AT_ONCE else [case.batch] for case in cases]
    found = iter(torch.run_all([batch for part in parts for batch in part]))
    return [_joined([next(found) for _ in part]) for part in parts]


def _joined(rows: list[Outputs]) -> Outputs:
    return rows[0] if len(rows) == 1 else {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
