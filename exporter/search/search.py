"""`bertport tune`: searches schemes, variants and exceptions for the smallest bundle within a loss of accuracy.

Nothing is guessed: sizes are of files, accuracy is of rows, latency of runs, and which weights to keep is measured.
"""

import logging
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

from exporter.bundling.staging import check_destination
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import resolve
from exporter.pipeline import Exported, export
from exporter.search.candidates import Candidate, in_order
from exporter.search.sensitivity import Sensitivity
from exporter.search.trials import Aim, Trials, request_of
from exporter.targets.registry import find_target
from exporter.verification.labelled.answers import Examiner
from runtimes.backends.registry import BACKENDS
from runtimes.errors import UsageError
from runtimes.parity.compare import Verdict

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Chosen:
    """What became of one target: the candidate taken, exported and compared with PyTorch; or None, and why.

    `untimed` says why latency had no say, where this host has no times of the target's runtime.
    """

    target: str
    candidate: Candidate | None
    exported: Exported | None
    why: str
    untimed: str = ""


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


def tune(aim: Aim) -> Search:
    """Search every target of the aim and export what is taken. Raises BertportError; finding nothing is no error."""
    start = time.perf_counter()
    _check(aim)
    checkpoint = load(resolve(aim.model, aim.hub), aim.task, aim.hub.allow_pickle)
    examiner = Examiner(checkpoint, aim.data, aim.answering, aim.metric)
    with tempfile.TemporaryDirectory(prefix="bertport-tune-") as scratch:
        trials = Trials(aim, examiner, Path(scratch))
        for target in aim.targets:
            trials.try_schemes(target)
            trials.try_finetuning(target)
            trials.try_exceptions(target)
        trials.time_all()
        chosen = [_choose(aim, target, trials) for target in aim.targets]
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
        find_target(target)
        check_destination(aim.place(target))


def _choose(aim: Aim, target: str, trials: Trials) -> Chosen:
    """Export the first in order that also passes parity."""
    return replace(_first(aim, target, trials), untimed=BACKENDS[target].cannot_time_here())


def _rule(aim: Aim, target: str) -> str:
    """What the order is by: latency only where there is any."""
    if BACKENDS[target].cannot_time_here():
        return f"the smallest that loses {aim.max_drop_points} points or less, whatever its latency"
    return f"the smallest, and of sizes within 1 % the fastest, that loses {aim.max_drop_points} points or less"


def _first(aim: Aim, target: str, trials: Trials) -> Chosen:
    own = [one for one in trials.candidates if one.recipe.target == target]
    failed: list[str] = []
    rule = _rule(aim, target)
    for candidate in in_order(own, aim.max_drop_points):
        settings = trials.settings[candidate.name]
        (done,) = export(request_of(aim, target, candidate.recipe.scheme, settings, aim.place(target), verify=True))
        if done.parity.verdict is not Verdict.FAIL:
            passed = f"; {', '.join(failed)} held it too, but not the parity budget" if failed else ""
            return Chosen(target, candidate, done, f"{rule}{passed}")
        failed.append(candidate.name)
    if not own:
        return Chosen(target, None, None, "nothing could be tried")
    best = min(own, key=lambda one: (one.drop_points, one.size_bytes))
    why = f"nothing loses {aim.max_drop_points} points or less and passes parity"
    return Chosen(target, None, None, f"{why}; the best is {best.name}, which loses {best.drop_points:.2f}")
