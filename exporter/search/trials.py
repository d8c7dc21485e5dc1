"""The bundles that a search tries: exported, put to the labelled rows, and timed."""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from exporter.checkpoint.source import HubOptions
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.search.candidates import Candidate, in_order
from exporter.search.sensitivity import Sensitivity, measure_sensitivity, worth_keeping
from exporter.search.variants import told, variants
from exporter.targets.registry import find_target, has_codes, make_recipe
from exporter.targets.target import Settings
from exporter.verification.check import Answering
from exporter.verification.labelled.answers import Evaluation, Examiner
from exporter.verification.measured_cases import bundle_case
from runtimes.backends.registry import BACKENDS
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.errors import ExportError
from runtimes.evaluation.comparison import Comparison, compare_answers
from runtimes.evaluation.data.dataset import DataFile
from runtimes.measurement.measure import Plan, measure
from runtimes.process.progress import track

NEAR_POINTS = 1.0
"""A scheme that loses this much more than it may is still worth exceptions."""
TIMED_TOKENS = 128


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Aim:
    """What is sought: for each target the smallest bundle within `max_drop_points`, judged by rows of `data`.

    `metric` is what decides, None for what the problem is judged by; see runtimes.evaluation.choice_of_metric.
    `holdout` is the share of the rows that do not decide, and tell afterwards what the choice is worth.
    """

    model: str
    targets: tuple[str, ...]
    data: DataFile
    max_drop_points: float
    destination: Path | None = None
    task: str = "auto"
    hub: HubOptions = field(default_factory=HubOptions)
    settings: Settings = field(default_factory=Settings)
    answering: Answering = field(default_factory=Answering)
    holdout: float = 0.0
    metric: str | None = None

    def place(self, target: str) -> Path:
        """Where the choice for a target goes."""
        if self.destination is None:
            return Path("artifacts") / Path(self.model).resolve().name / f"tuned-{target}"
        return self.destination if len(self.targets) == 1 else self.destination / target


class Trials:
    """Candidates as they come; bundles live in `scratch` and are gone when the search ends.

    `settings` are those that each candidate was made with, by its name.
    """

    def __init__(self, aim: Aim, examiner: Examiner, scratch: Path) -> None:
        self._aim, self._examiner, self._scratch = aim, examiner, scratch
        self._bundles: list[Bundle] = []
        self.settings: dict[str, Settings] = {}
        self._made = 0
        self.candidates: list[Candidate] = []
        self.left_out: dict[str, str] = {}
        self.sensitivities: dict[str, list[Sensitivity]] = {}
        self.warnings: dict[str, None] = {}
        self.deciding, self._held_out = _split(examiner.dataset.groups, aim.holdout)

    def try_schemes(self, target: str) -> None:
        """Every scheme that the settings allow, in all its variants."""
        for scheme in track(find_target(target).schemes, f"schemes of {target}"):
            for settings in variants(scheme, self._aim.settings):
                try:
                    make_recipe(self._examiner.checkpoint, target, scheme, replace(settings, trim=None))
                    self._try(target, scheme, settings)
                except ExportError as error:
                    name = f"{target}-{told(scheme, settings)}"
                    self.left_out[name] = str(error)
                    _log.info(f"{name}: left out: {error}")

    def try_finetuning(self, target: str) -> None:
        """For coded tables that miss by little and are smaller than what holds: learn back what the codes lose."""
        asked = self._aim.settings.finetune
        missed = [one for one in self._missed(target) if asked and has_codes(one.recipe.scheme)]
        for candidate in missed:
            if self._smaller(candidate):
                settings = replace(self.settings[candidate.name], finetune=asked)
                _log.info(f"{candidate.name} misses by little: learning back what its codes lose")
                self._try(target, candidate.recipe.scheme, settings)

    def try_exceptions(self, target: str) -> None:
        """For schemes that miss by little and are smaller than what holds: keep the most sensitive weights wider."""
        for candidate in self._missed(target):
            if self._smaller(candidate) and candidate.recipe.finetuned_sha256 is None:
                self._keep_until_it_holds(candidate)

    def time_all(self) -> None:
        """Latency of every candidate whose runtime is here, turn by turn in one run."""
        backends = [BACKENDS[one.recipe.target] for one in self.candidates]
        timed = [at for at, one in enumerate(backends) if not one.cannot_time_here()]
        threads = self._aim.answering.threads or 1
        cases = [bundle_case(self.candidates[at].name, self._bundles[at], threads) for at in timed]
        tokens = min([TIMED_TOKENS, *(case.positions for case in cases if case.positions)])
        done = measure(cases, Plan((tokens,), runs=30)) if cases else []
        for at in timed:
            runs = [
                value for one in done if one.case.name == self.candidates[at].name for value in one.latency_s[tokens]
            ]
            self.candidates[at] = replace(self.candidates[at], latency_s=tuple(runs))

    def _missed(self, target: str) -> list[Candidate]:
        """Candidates that miss by little, the smallest first."""
        limit = self._aim.max_drop_points
        missed = [one for one in self._of(target) if limit < one.drop_points <= limit + NEAR_POINTS]
        return sorted(missed, key=lambda one: one.size_bytes)

    def _of(self, target: str) -> list[Candidate]:
        return [one for one in self.candidates if one.recipe.target == target]

    def _smaller(self, candidate: Candidate) -> bool:
        """Whether it is smaller than everything of its target that holds."""
        holding = in_order(self._of(candidate.recipe.target), self._aim.max_drop_points)
        return all(candidate.size_bytes < one.size_bytes for one in holding)

    def _keep_until_it_holds(self, missed: Candidate) -> None:
        target, scheme, settings = missed.recipe.target, missed.recipe.scheme, self.settings[missed.name]
        _log.info(f"{missed.name} misses by little: measuring which weights to keep")
        ranked = measure_sensitivity(
            self._examiner,
            self.deciding,
            lambda keep: self._make(target, scheme, _keeping(settings, keep)),
        )
        self.sensitivities[missed.name] = ranked
        for form in ("=int8", ""):
            for kept in worth_keeping(ranked):
                keep = tuple(f"{pattern}{form}" for group in kept for pattern in group.patterns)
                found = self._try(target, scheme, _keeping(settings, keep), missed)
                if found is not None and found.drop_points <= self._aim.max_drop_points:
                    return

    def _try(self, target: str, scheme: str, settings: Settings, plain: Candidate | None = None) -> Candidate | None:
        """Make a bundle and put the rows to it; None where it would be no smaller than what holds, or the same file."""
        start = time.perf_counter()
        bundle = self._make(target, scheme, settings)
        made_s = time.perf_counter() - start
        recipe, size = bundle.manifest.recipe, bundle.size_bytes
        unscored = Candidate(recipe, size, "", 0.0, 0.0, 0.0, (0.0, 0.0), None, 0.0)
        if unscored.name in self.settings or (plain is not None and size <= plain.size_bytes):
            return None  # as many tokens stay, or the scheme has these as wide by itself
        if plain is not None and not self._smaller(unscored):
            self.left_out[unscored.name] = f"{size / 1e6:.2f} MB, no smaller than what holds already"
            return None
        done = self._examiner.examine(bundle, unscored.name)
        self.warnings |= dict.fromkeys(done.warnings)  # each once, in order
        found = self._scored(unscored, done, made_s + done.took_s)
        _log.info(f"{found.name}: {size / 1e6:.2f} MB, drop {found.drop_points:+.2f} points")
        self._bundles.append(bundle)
        self.candidates.append(found)
        self.settings[found.name] = settings
        return found

    def _scored(self, candidate: Candidate, done: Evaluation, tried_s: float) -> Candidate:
        compared = self._compared(done, self.deciding)
        held = self._compared(done, self._held_out).drop_points if len(self._held_out) else None
        interval = (compared.interval.low * 100, compared.interval.high * 100)
        metric = compared.reference.metric
        return replace(
            candidate,
            metric=metric,
            pytorch=compared.reference.figures[metric],
            exported=compared.candidate.figures[metric],
            drop_points=compared.drop_points,
            interval_points=interval,
            held_out_points=held,
            tried_s=tried_s,
        )

    def _compared(self, done: Evaluation, rows: Sequence[int]) -> Comparison:
        sides = [[values[at] for at in rows] for values in (done.dataset.golds, done.reference, done.candidate)]
        golds, reference, candidate = sides
        return compare_answers(self._examiner.problem, golds, reference, candidate, self._examiner.checkpoint.labels)

    def _make(self, target: str, scheme: str, settings: Settings) -> Bundle:
        self._made += 1
        place = self._scratch / str(self._made)
        with nullcontext() if settings.finetune else _unlogged("exporter.pipeline"):
            (done,) = export(request_of(self._aim, target, scheme, settings, place, verify=False))
        assert done.directory is not None  # noqa: S101 - not verified, so always kept
        return read_bundle(done.directory)


def _keeping(settings: Settings, keep: tuple[str, ...]) -> Settings:
    """The settings with more weights kept wider."""
    own = tuple(pattern for pattern in keep if pattern not in settings.keep)
    return replace(settings, keep=(*settings.keep, *own))


@contextmanager
def _unlogged(name: str) -> Iterator[None]:
    """Within the block the logger of that name passes on warnings alone: of candidates, the search itself reports."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def request_of(aim: Aim, target: str, scheme: str, settings: Settings, place: Path, verify: bool) -> Request:
    """One bundle of what a search was asked for."""
    asked = (aim.model, (target,), (scheme,), place, aim.task, aim.hub, settings)
    return Request(*asked, verify=verify, answering=aim.answering)


_SPLIT_SEED = 0


def _split(groups: Sequence[int], holdout: float) -> tuple[list[int], list[int]]:
    """Numbers of the rows that decide, and of those that do not: whole groups, drawn once by a fixed seed, in order."""
    every = list(dict.fromkeys(groups))
    back = np.random.default_rng(_SPLIT_SEED).permutation(len(every))[: int(len(every) * holdout)]
    held = {every[int(at)] for at in back}
    rows = [[at for at, group in enumerate(groups) if (group in held) is kept] for kept in (False, True)]
    return rows[0], rows[1]
