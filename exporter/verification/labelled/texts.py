"""Labels among `--texts`: the task's metric as one more budget of a comparison."""

from dataclasses import replace
from pathlib import Path

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.verification.check import Answering
from exporter.verification.labelled.answers import Evaluation, Examiner
from runtimes.bundle.manifest import Budget
from runtimes.bundle.reading import Bundle
from runtimes.evaluation.data.corpus import LABELLED_ROWS
from runtimes.evaluation.data.dataset import DataFile
from runtimes.evaluation.problems import PROBLEMS
from runtimes.parity.compare import Parity, Verdict


class Labelled:
    """A file of labelled rows, as `bertport evaluate` reads it, put to the bundles of one checkpoint.

    Raises UsageError for labels that are not the model's. PyTorch answers once for each length of input.
    """

    def __init__(self, checkpoint: Checkpoint, path: Path, answering: Answering) -> None:
        data = DataFile(path, limit=LABELLED_ROWS)
        self._path = path
        self._examiner = Examiner(checkpoint, data, answering, quiet=True)  # how rows are read, `evaluate` tells

    def judged(self, parity: Parity, bundle: Bundle, budget: Budget) -> Parity:
        """The parity with the metric's figures, and a failure where it drops by more than the budget's agreement.

        Where 97 of 100 decisions must agree, three may all be for the worse: 3 points. As with the agreement itself,
        a run fails where all of the 95 % interval is beyond.
        """
        if parity.verdict is Verdict.NOT_RUN:
            return parity
        done = self._examiner.examine(bundle, bundle.manifest.recipe.name)
        failures = (*parity.failures, *_beyond(done, 1 - budget.min_agreement))
        metric, compared = done.comparison.reference.metric, done.comparison
        figures = {
            f"{metric}, PyTorch's": compared.reference.figures[metric],
            f"{metric}, the bundle's": compared.candidate.figures[metric],
        }
        verdict = Verdict.FAIL if failures else parity.verdict
        warnings = tuple(text for text in done.warnings if text not in parity.warnings)
        seen = {**parity.seen, **figures}
        return replace(parity, verdict=verdict, failures=failures, seen=seen, warnings=(*parity.warnings, *warnings))


def find_labelled(checkpoint: Checkpoint, path: Path | None, answering: Answering) -> Labelled | None:
    """None where there is no file, its columns have no labels by any name that is known, or the task has no metric."""
    from runtimes.evaluation.data.corpus import table_of

    problem, table = PROBLEMS.get(checkpoint.problem), table_of(path) if path else None
    if path is None or table is None or problem is None:
        return None
    if not {name.casefold() for name in table.columns} & set(problem.names.labels):
        return None
    return Labelled(checkpoint, path, answering)


def _beyond(done: Evaluation, most: float) -> list[str]:
    drop, interval = done.comparison.drop, done.comparison.interval
    if interval.low <= most:
        return []
    metric, rows = done.comparison.reference.metric, len(done.dataset.golds)
    return [
        f"{metric} drops by {drop:.4f} on {rows:,} labelled rows (95 % between {interval.low:.4f} and "
        f"{interval.high:.4f}), beyond {most:.4f}"
    ]
