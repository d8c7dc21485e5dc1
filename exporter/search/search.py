"""The smallest bundle that loses no more than it may: every scheme tried, and exceptions where one misses by little.

Nothing is guessed: sizes are of files, accuracy is of rows, latency of runs, and which weights to keep is measured.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from exporter.bundling.staging import check_destination
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.pipeline import Exported, Request, export
from exporter.search.candidates import Candidate, in_order
from exporter.search.sensitivity import Sensitivity, measure_sensitivity, worth_keeping
from exporter.search.variants import told, variants
from exporter.targets.registry import Settings, make_recipe
from exporter.targets.schemes import SCHEMES, find_budget
from exporter.verification.labelled.answers import Evaluation, Examiner
from exporter.verification.timing import bundle_case
from runtimes.bundle.manifest import Bundle, read_bundle
from runtimes.errors import ExportError, UsageError
from runtimes.evaluation.comparison import Comparison, compare_answers
from runtimes.evaluation.data.dataset import DataFile
from runtimes.measurement.measure import Plan, measure
from runtimes.parity.compare import Verdict

Say = Callable[[str], None]

NEAR_POINTS = 1.0
"""A scheme that loses this much more than it may is still worth exceptions."""
TIMED_TOKENS = 128
_SPLIT_SEED = 0


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
    threads: int = 1
    holdout: float = 0.0
    metric: str | None = None

    def place(self, target: str) -> Path:
        """Where the choice for a target goes."""
        if self.destination is None:
            return Path("artifacts") / Path(self.model).resolve().name / f"tuned-{target}"
        return self.destination if len(self.targets) == 1 else self.destination / target


@dataclass(frozen=True)
class Chosen:
    """What became of one target: the candidate taken, exported and compared with PyTorch; or None, and why."""

    target: str
    candidate: Candidate | None
    exported: Exported | None
    why: str


@dataclass(frozen=True)
class Search:
    """All that was tried, what was not (name → why), and what was taken."""

    aim: Aim
    examiner: Examiner
    candidates: list[Candidate]
    left_out: dict[str, str]
    sensitivities: dict[str, list[Sensitivity]]
    chosen: list[Chosen]
    deciding_rows: int
    warnings: list[str]
    took_s: float


def tune(aim: Aim, say: Say) -> Search:
    """Search every target of the aim and export what is taken. Raises BertportError; finding nothing is no error."""
    start = time.perf_counter()
    _check(aim)
    checkpoint = load(resolve(aim.model, aim.hub), aim.task, aim.hub.allow_pickle)
    examiner = Examiner(checkpoint, aim.data, say, aim.threads, aim.metric)
    with tempfile.TemporaryDirectory(prefix="bertport-tune-") as scratch:
        trials = _Trials(aim, examiner, Path(scratch), say)
        for target in aim.targets:
            trials.try_schemes(target)
            trials.try_finetuning(target)
            trials.try_exceptions(target)
        trials.time_all()
        chosen = [_choose(aim, target, trials, say) for target in aim.targets]
    return Search(
        aim,
        examiner,
        trials.candidates,
        trials.left_out,
        trials.sensitivities,
        chosen,
        len(trials.deciding),
        list(trials.warnings),
        time.perf_counter() - start,
    )


def _check(aim: Aim) -> None:
    if not aim.max_drop_points >= 0:
        raise UsageError(f"--max-drop {aim.max_drop_points}: expected 0 points or more")
    if not 0 <= aim.holdout < 1:
        raise UsageError(f"--holdout {aim.holdout}: expected a share of the rows, 0 or more and below 1")
    for target in aim.targets:
        find_budget(target, "none")
        check_destination(aim.place(target))


class _Trials:
    """Candidates as they come; bundles live in `scratch` and are gone when the search ends.

    `settings` are those that each candidate was made with, by its name.
    """

    def __init__(self, aim: Aim, examiner: Examiner, scratch: Path, say: Say) -> None:
        self._aim, self._examiner, self._scratch, self._say = aim, examiner, scratch, say
        self._bundles: list[Bundle] = []
        self.settings: dict[str, Settings] = {}
        self._made = 0
        self.candidates: list[Candidate] = []
        self.left_out: dict[str, str] = {}
        self.sensitivities: dict[str, list[Sensitivity]] = {}
        self.warnings: dict[str, None] = {}
        self.deciding, self._held_out = _split(len(examiner.dataset.golds), aim.holdout)

    def try_schemes(self, target: str) -> None:
        """Every scheme that the settings allow, in all its variants."""
        for scheme in SCHEMES[target]:
            for settings in variants(scheme, self._aim.settings):
                try:
                    make_recipe(self._examiner.checkpoint, target, scheme, replace(settings, trim=None))
                    self._try(target, scheme, settings)
                except ExportError as error:
                    name = f"{target}-{told(scheme, settings)}"
                    self.left_out[name] = str(error)
                    self._say(f"{name}: left out: {error}")

    def try_finetuning(self, target: str) -> None:
        """For coded tables that miss by little and are smaller than what holds: learn back what the codes lose."""
        asked = self._aim.settings.finetune
        missed = [one for one in self._missed(target) if asked and one.recipe.scheme == "pq"]
        for candidate in missed:
            if self._smaller(candidate):
                settings = replace(self.settings[candidate.name], finetune=asked)
                self._say(f"{candidate.name} misses by little: learning back what its codes lose")
                self._try(target, "pq", settings)

    def try_exceptions(self, target: str) -> None:
        """For schemes that miss by little and are smaller than what holds: keep the most sensitive weights wider."""
        for candidate in self._missed(target):
            if self._smaller(candidate) and candidate.recipe.finetuned_sha256 is None:
                self._keep_until_it_holds(candidate)

    def time_all(self) -> None:
        """Latency of every ONNX candidate, turn by turn in one run; simulated Core ML has none."""
        timed = [at for at, one in enumerate(self.candidates) if one.recipe.target == "onnx"]
        threads = self._aim.threads
        cases = [bundle_case(self.candidates[at].name, self._bundles[at], threads) for at in timed]
        tokens = min([TIMED_TOKENS, *(case.positions for case in cases if case.positions)])
        done = measure(cases, Plan((tokens,), runs=30), self._say) if cases else []
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
        self._say(f"{missed.name} misses by little: measuring which weights to keep")
        ranked = measure_sensitivity(
            self._examiner,
            self.deciding,
            lambda keep: self._make(target, scheme, _keeping(settings, keep)),
            lambda text: self._say(f"{scheme}: {text}"),
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
            return None  # as many pieces stay, or the scheme has these as wide by itself
        if plain is not None and not self._smaller(unscored):
            self.left_out[unscored.name] = f"{size / 1e6:.2f} MB, no smaller than what holds already"
            return None
        done = self._examiner.examine(bundle, unscored.name)
        self.warnings |= dict.fromkeys(done.warnings)  # each once, in order
        found = self._scored(unscored, done, made_s + done.took_s)
        self._say(f"{found.name}: {size / 1e6:.2f} MB, drop {found.drop_points:+.2f} points")
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
        place, tell = self._scratch / str(self._made), self._say if settings.finetune else _silent
        (done,) = export(_request(self._aim, target, scheme, settings, place, verify=False), tell)
        assert done.directory is not None  # noqa: S101 - not verified, so always kept
        return read_bundle(done.directory)


def _choose(aim: Aim, target: str, trials: _Trials, say: Say) -> Chosen:
    """Export the first in order that also passes parity."""
    own = [one for one in trials.candidates if one.recipe.target == target]
    failed: list[str] = []
    rule = f"the smallest, and of sizes within 1 % the fastest, that loses {aim.max_drop_points} points or less"
    for candidate in in_order(own, aim.max_drop_points):
        settings = trials.settings[candidate.name]
        (done,) = export(_request(aim, target, candidate.recipe.scheme, settings, aim.place(target), verify=True), say)
        if done.parity.verdict is not Verdict.FAIL:
            passed = f"; {', '.join(failed)} held it too, but not the parity budget" if failed else ""
            return Chosen(target, candidate, done, f"{rule}{passed}")
        failed.append(candidate.name)
    if not own:
        return Chosen(target, None, None, "nothing could be tried")
    best = min(own, key=lambda one: (one.drop_points, one.size_bytes))
    why = f"nothing loses {aim.max_drop_points} points or less and passes parity"
    return Chosen(target, None, None, f"{why}; the best is {best.name}, which loses {best.drop_points:.2f}")


def _keeping(settings: Settings, keep: tuple[str, ...]) -> Settings:
    """The settings with more weights kept wider."""
    own = tuple(pattern for pattern in keep if pattern not in settings.keep)
    return replace(settings, keep=(*settings.keep, *own))


def _silent(_text: str) -> None:
    """What exports of candidates say is left out."""


def _request(aim: Aim, target: str, scheme: str, settings: Settings, place: Path, verify: bool) -> Request:
    return Request(aim.model, (target,), (scheme,), place, aim.task, aim.hub, settings, verify=verify)


def _split(rows: int, holdout: float) -> tuple[list[int], list[int]]:
    """Numbers of the rows that decide, and of those that do not: drawn once, by a fixed seed, both in order."""
    back = np.random.default_rng(_SPLIT_SEED).permutation(rows)[: int(rows * holdout)]
    held = {int(at) for at in back}
    return [at for at in range(rows) if at not in held], sorted(held)
