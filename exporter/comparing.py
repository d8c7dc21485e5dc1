"""A saved model's answers to the battery against PyTorch's, and to more of it where that leaves something open."""

from dataclasses import asdict, replace

from exporter.bundle import Budget, Manifest
from exporter.reference import Battery, Reference
from runtimes.battery import Case
from runtimes.judgement import near
from runtimes.parity import Parity, Subject, Verdict, compare
from runtimes.runner import Outputs, Runner
from runtimes.sweep import coverage


def compare_with_pytorch(reference: Reference, runner: Runner, manifest: Manifest, budget: Budget) -> Parity:
    """Run the battery on the saved model, and hold its outputs against the reference's."""
    runner, lengths = reference.as_asked(runner), manifest.recipe.sequence_lengths
    outputs = {spec.name: spec.per_token for spec in manifest.outputs}
    subject = Subject(outputs, manifest.problem, budget, runner.status, manifest.labels)
    battery = reference.battery(runner.positions, lengths)
    asked = _Asked(reference, runner, subject, battery.cases, battery.outputs)
    parity = asked.compared()
    if parity.verdict is Verdict.PASS and near(asdict(parity), budget):
        more = reference.further(runner.positions, lengths)
        asked = asked.with_more(more) if more.cases else asked
        parity = asked.compared() if more.cases else parity
    reads_types = "token_type_ids" in {spec.name for spec in manifest.inputs}
    read = coverage(battery.cases, len(reference.source.words), battery.limits.positions, reads_types)
    return replace(parity, coverage=read | {"compared_texts": asked.texts})


class _Asked:
    """Cases with PyTorch's answers, and a saved model's."""

    def __init__(
        self, reference: Reference, runner: Runner, subject: Subject, cases: list[Case], answers: list[Outputs]
    ) -> None:
        self._reference, self._runner, self._subject = reference, runner, subject
        self._cases, self._answers = cases, answers
        tokens = {name for name, per_token in subject.outputs.items() if per_token}
        self._found = [case.keep(runner.run(case.batch), tokens) for case in cases]

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

    def compared(self) -> Parity:
        """All figures over all cases."""
        exact = lambda: self._reference.exact(self._cases)  # noqa: E731
        return compare(self._cases, self._answers, self._found, self._subject, exact)
