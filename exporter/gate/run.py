"""Running a check: every bundle of bertport.toml exported, compared and measured."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from exporter.gate.baseline import difference_of
from exporter.gate.config import Config, Data, Export
from exporter.pipeline import export
from exporter.verification.bench_cases import exported
from exporter.verification.check import Answering, Check
from exporter.verification.labelled.answers import Examiner
from exporter.verification.origin import find_checkpoint
from exporter.verification.verify import verify
from runtimes.backends.backend import NATIVE
from runtimes.bundle.reading import Bundle, read_bundle
from runtimes.errors import RuntimeUnavailable, UsageError
from runtimes.evaluation.data.columns import Choice
from runtimes.evaluation.data.dataset import DataFile
from runtimes.evaluation.data.labels import parse_given
from runtimes.measurement.measure import Case, Measurement, Plan, measure
from runtimes.parity.compare import Parity, not_run
from runtimes.process.progress import track
from runtimes.records.baseline import Figures

_log = logging.getLogger(__name__)

_DEFAULT = Answering()


@dataclass(frozen=True)
class Checked:
    """One bundle with all that was found; `parities` by processor, `ratios` of latency by tokens.

    What was not asked for, or cannot be measured here, is None or empty; `unmeasured` says why it cannot.
    """

    name: str
    export: Export
    bundle: Bundle
    parities: Mapping[str, Parity]
    drop_points: float | None = None
    peak_rss_bytes: int | None = None
    ratios: Mapping[int, float] | None = None
    unmeasured: str = ""

    @property
    def figures(self) -> Figures:
        """What a baseline keeps."""
        differences = {arch: difference_of(parity) for arch, parity in self.parities.items()}
        return Figures(self.bundle.size_bytes, differences, self.drop_points)


def check_all(config: Config, place: Path, answering: Answering = _DEFAULT) -> list[Checked]:
    """Export everything into `place`, compare it, and measure what has a budget. Raises BertportError.

    Of threads that are given here those of the file do not count.
    """
    made = [one for entry in track(config.export, "exports") for one in _make(entry, place, answering)]
    return _measured(made, config)


def _make(entry: Export, place: Path, answering: Answering) -> Iterable[Checked]:
    folder, single, asked = place / str(entry.name), len(entry.names) == 1, entry.request
    request = replace(
        asked,
        destination=folder / f"{entry.targets[0]}-{entry.schemes[0]}" if single else folder,
        keep_failing=True,  # its other figures are wanted too
        limit=entry.budget.limit(asked.limit),
        answering=replace(answering, threads=answering.threads or asked.answering.threads),
    )
    model = entry.model if Path(entry.model).is_dir() else None
    examiner: Examiner | None = None
    for name, done in zip(entry.names, export(request), strict=True):
        bundle = read_bundle(done.directory or folder)
        check = Check(bundle, model, request.texts, request.limit, request.hub.allow_pickle, NATIVE, request.pairs)
        check = replace(check, answering=request.answering)
        parities = _parities(check, done.parity, entry.archs)
        if entry.data and examiner is None:  # PyTorch answers its rows once for all bundles of the entry
            data = entry.data
            rows, answers = data_file(data), request.answering
            examiner = Examiner(find_checkpoint(check), rows, answers, data.metric, aggregation=data.aggregation)
        drop = examiner.examine(bundle, name).drop_points if examiner else None
        yield Checked(name, entry, bundle, parities, drop)


def _parities(check: Check, native: Parity, archs: Sequence[str]) -> dict[str, Parity]:
    found = {}
    for arch in archs:
        if arch == NATIVE:
            found[arch] = native
            continue
        _log.info(f"{check.bundle.manifest.recipe.name}: comparing with PyTorch on {arch}")
        try:
            found[arch] = verify(replace(check, arch=arch)).parity
        except RuntimeUnavailable as error:
            found[arch] = not_run(str(error))
    return found


def data_file(data: Data) -> DataFile:
    """What `bertport evaluate` would be told of it."""
    labels = parse_given([f"{value}={label}" for value, label in data.labels.items()])
    return DataFile(
        data.file, data.format, Choice(data.text, data.text_pair, data.label, data.join), labels, data.limit
    )


def _measured(made: Sequence[Checked], config: Config) -> list[Checked]:
    """Memory and latency of those that have such a budget, and of those that they are compared with, in one run."""
    budgets = {one.name: one.export.budget for one in made}
    wanted = {name for name, budget in budgets.items() if budget.max_peak_rss_bytes is not None or budget.latency}
    wanted |= {budget.latency.to for budget in budgets.values() if budget.latency}
    timing = config.timing
    cases, notes = _cases([one for one in made if one.name in wanted], timing.tokens)
    runs: dict[str, list[Measurement]] = {}
    for found in measure(cases, Plan(timing.tokens, timing.runs, timing.rounds)):
        runs.setdefault(found.case.name, []).append(found)
    return [_with_measurements(one, runs, notes) for one in made]


def _cases(made: Sequence[Checked], tokens: Sequence[int]) -> tuple[list[Case], dict[str, str]]:
    """What to run, under the bundles' names here; and why some cannot be. Raises UsageError for too many tokens."""
    contestants = exported([one.bundle for one in made], (1,))
    pairs = list(zip(made, contestants, strict=True))
    cases = [replace(case, name=one.name) for one, contestant in pairs for case in contestant.cases]
    for case in cases:
        if case.positions is not None and max(tokens) > case.positions:
            raise UsageError(f"timing.tokens: {max(tokens)}, and {case.name} takes {case.positions} at most")
    return cases, {one.name: contestant.note for one, contestant in pairs if contestant.note}


def _with_measurements(one: Checked, runs: Mapping[str, list[Measurement]], notes: Mapping[str, str]) -> Checked:
    latency = one.export.budget.latency
    names = [one.name, *([latency.to] if latency else [])]
    unmeasured = next((notes[name] for name in names if name in notes), "")
    if unmeasured or one.name not in runs:
        return replace(one, unmeasured=unmeasured)
    peak = max(run.peak_rss_bytes for run in runs[one.name])
    ratios = _ratios(runs[one.name], runs[latency.to]) if latency else None
    return replace(one, peak_rss_bytes=peak, ratios=ratios)


def _ratios(runs: Sequence[Measurement], base: Sequence[Measurement]) -> dict[int, float]:
    """Median latency over the base's, by tokens, all rounds together."""
    ours, theirs = _medians(runs), _medians(base)
    return {tokens: ours[tokens] / theirs[tokens] for tokens in ours if tokens in theirs}


def _medians(runs: Sequence[Measurement]) -> dict[int, float]:
    return {tokens: median(value for run in runs for value in run.latency_s[tokens]) for tokens in runs[0].latency_s}
