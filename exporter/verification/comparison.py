"""Comparing a saved model's outputs with PyTorch's, on more texts where the first leave a figure open."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from exporter.model.tasks import TASKS
from exporter.verification.reference.reference import Battery, Reference
from runtimes.bundle.manifest import Budget, Manifest
from runtimes.parity.cases import Case
from runtimes.parity.chosen_cases import choose
from runtimes.parity.compare import Parity, Subject, Verdict, compare
from runtimes.parity.judgement import near
from runtimes.parity.sweep import coverage
from runtimes.process.progress import track
from runtimes.runner import Outputs, Runner, Status, most_rows


@dataclass(frozen=True)
class Compared:
    """What of a model is compared: outputs (name → whether it has an entry for each token), and what they decide.

    `lengths` are those that its inputs have, where they are fixed; `inputs` are what it reads. `empty_rows`: whether
    its answer to a row of padding alone counts, which no text is, and which others leave to chance. `besides` are
    outputs that answer nothing by themselves; each is judged alone.
    """

    outputs: Mapping[str, bool]
    problem: str
    labels: tuple[str, ...]
    lengths: tuple[int, ...]
    inputs: tuple[str, ...]
    empty_rows: bool = True
    besides: Mapping[str, bool] = field(default_factory=dict)


def compare_with_pytorch(reference: Reference, runner: Runner, manifest: Manifest, budget: Budget) -> Parity:
    """Run the battery on the saved model of a bundle, and hold its outputs against the reference's."""
    outputs = {spec.name: spec.per_token for spec in manifest.outputs}
    besides = {name: outputs.pop(name) for name in TASKS[manifest.recipe.task].besides if name in outputs}
    inputs = tuple(spec.name for spec in manifest.inputs)
    what = Compared(outputs, manifest.problem, manifest.labels, manifest.recipe.sequence_lengths, inputs)
    return compare_runner(reference, runner, replace(what, besides=besides), budget)


def compare_runner(reference: Reference, runner: Runner, what: Compared, budget: Budget) -> Parity:
    """Run the battery on a saved model, and hold its outputs against the reference's."""
    runner = reference.as_asked(runner)
    subject = Subject(what.outputs, what.problem, budget, runner.status, what.labels)
    battery = reference.battery(runner.positions, what.lengths)
    pairs = zip(battery.cases, battery.outputs, strict=True)
    # word rows are the file's, whichever processor reads them, and an emulated one takes a hundred times as long
    swept = runner.status is not Status.EMULATED
    counted = [(c, o) for c, o in pairs if (what.empty_rows or _has_tokens(c)) and (swept or not c.generated)]
    counted = _chosen(counted, most_rows(runner))
    asked = _Asked(reference, runner, subject, [case for case, _ in counted], [outputs for _, outputs in counted])
    parity = asked.compared()
    if parity.verdict is Verdict.PASS and near(asdict(parity), budget):
        more = _chosen_of(reference.further(runner.positions, what.lengths), most_rows(runner))
        asked = asked.with_more(more) if more.cases else asked
        parity = asked.compared() if more.cases else parity
    parity = asked.with_besides(parity, what.besides)
    words, positions = len(reference.source.words), battery.limits.positions
    read = coverage([case for case, _ in counted], words, positions, "token_type_ids" in what.inputs)
    return replace(parity, coverage=read | {"compared_texts": asked.texts})


def _chosen(pairs: list[tuple[Case, Outputs]], most: int | None) -> list[tuple[Case, Outputs]]:
    return [pairs[at] for at in choose([case for case, _ in pairs], most)]


def _chosen_of(battery: Battery, most: int | None) -> Battery:
    pairs = _chosen(list(zip(battery.cases, battery.outputs, strict=True)), most)
    return replace(battery, cases=[case for case, _ in pairs], outputs=[outputs for _, outputs in pairs])


def _has_tokens(case: Case) -> bool:
    """Whether every row of a case holds a token."""
    return bool(case.batch.mask.any(-1).all())


class _Asked:
    """Cases with PyTorch's answers, and a saved model's."""

    def __init__(
        self, reference: Reference, runner: Runner, subject: Subject, cases: list[Case], answers: list[Outputs]
    ) -> None:
        self._reference, self._runner, self._subject = reference, runner, subject
        self._cases, self._answers = cases, answers
        tokens = {name for name, per_token in subject.outputs.items() if per_token}
        asked = track(cases, f"answers of the bundle ({runner.status.value})")
        self._found = [case.keep(runner.run(case.batch), tokens) for case in asked]

    @property
    def texts(self) -> int:
        """How many real texts are compared."""
        return sum(case.real_text for case in self._cases)

    def with_more(self, battery: Battery) -> "_Asked":
        """The same over more cases."""
        more = _Asked(self._reference, self._runner, self._subject, battery.cases, battery.outputs)
        more._cases, more._answers = self._cases + more._cases, self._answers + more._answers
        more._found = self._found + more._found
        return more

    def with_besides(self, parity: Parity, besides: Mapping[str, bool]) -> Parity:
        """The parity, with what is beyond the budget in outputs that answer nothing by themselves."""
        for name, per_token in besides.items():
            self._subject = replace(self._subject, outputs={name: per_token})
            own = self.compared()
            failures = (*parity.failures, *(f"{name}: {failure}" for failure in own.failures))
            seen = {**parity.seen, **{f"{figure} of {name}": value for figure, value in own.seen.items()}}
            verdict = own.verdict if own.failures else parity.verdict
            parity = replace(parity, verdict=verdict, failures=failures, seen=seen)
        return parity

    def compared(self) -> Parity:
        """All figures over all cases."""
        exact = lambda: self._reference.exact(self._cases)  # noqa: E731
        return compare(self._cases, self._answers, self._found, self._subject, exact)
