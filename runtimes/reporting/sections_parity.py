"""Report sections on parity: verdicts, distributions of differences, and where they arise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.bundle.manifest import Budget
from runtimes.parity.compare import Verdict
from runtimes.records.parity import Explanation, ParityRecord, TensorError
from runtimes.reporting.charts import Step, Strip, layers, strips
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import Figure, Section, Table, difference, megabytes
from runtimes.reporting.junit import Finding
from runtimes.reporting.names import REFERENCE, Names

_SHOWN = ("0.01", "0.25", "0.5", "0.75", "0.99")
_NOT_RUN = "–"
_STRIPS = 24
"""Rows of one drawing; the table has all."""


@dataclass(frozen=True)
class Checked:
    """One comparison with PyTorch; size and budget are a bundle's own, and None for a record that lies by itself."""

    name: str
    style: str
    place: Path
    parity: ParityRecord
    size_bytes: int | None = None
    budget: Budget | None = None

    @property
    def limit(self) -> float | None:
        """The budget as a difference of logits."""
        if self.budget is None:
            return None
        shares = [] if self.budget.max_relative is None else [self.budget.max_relative * self.parity.logit_range]
        return min([*shares, *([] if self.budget.max_absolute is None else [self.budget.max_absolute])], default=None)


def all_checks(findings: Findings, names: Names) -> list[Checked]:
    """Every bundle, then every record of a check made later: with the budget of its bundle, if that is here."""
    by_hash = {found.name.manifest_sha256: found.bundle for found in findings.bundles}
    checks = [
        Checked(
            names.of(found.name),
            names.style(names.of(found.name)),
            found.bundle.directory,
            found.parity,
            found.bundle.size_bytes,
            found.bundle.manifest.budget,
        )
        for found in findings.bundles
    ]
    for found in findings.checks:
        name = found.record.bundle
        bundle = by_hash.get(name.manifest_sha256) if name else None
        words = f"{names.of(name)}, {found.place.stem}" if name else found.place.stem
        style = names.style(names.of(name) if name else "")
        checks.append(
            Checked(words, style, found.place, found.record, budget=bundle.manifest.budget if bundle else None)
        )
    for gate in findings.gates:
        for words, checked in gate.record.bundles.items():
            checks += [_gated(f"{words}, {arch}", gate.place, parity) for arch, parity in checked.parity.items()]
    return checks


def _gated(name: str, place: Path, parity: ParityRecord) -> Checked:
    return Checked(name, REFERENCE, place, parity)


def parity_section(checks: Sequence[Checked]) -> Iterator[Section]:
    """Verdicts, distributions, and the table; nothing without a check."""
    if not checks:
        return
    drawn = [_strip(check) for check in checks if check.parity.rows and check.parity.absolute_quantiles]
    figures = []
    if drawn:
        caption = (
            "Absolute differences of all outputs from PyTorch's. Thin line: 1 % to the largest; thick: the middle "
            "half; tick: median; dot: largest (hollow where not measured on the target's own runtime); bar: the budget."
        )
        figures.append(Figure("How far outputs differ", strips(drawn[:_STRIPS], "difference of logits"), caption))
    lead = (
        "The saved file beside transformers' own model in float32. Measured: the target's runtime on this kind of "
        "processor; emulated: its kernels on an emulated one; simulated: our interpreter of the saved package."
    )
    yield Section("Agreement with PyTorch", lead, tuple(figures), (_table(checks), *_remarks(checks)))


def layer_sections(checks: Sequence[Checked]) -> Iterator[Section]:
    """Error through the layers, of every check that was explained."""
    explained = [(check, check.parity.explanation) for check in checks if check.parity.explanation]
    for check, explanation in explained:
        graph, file = _steps(explanation.graph), _steps(explanation.file)
        if not graph and not file:
            continue
        first = next((step for step in (*graph, *file) if step.beyond), None)
        lead = (
            f"On {explanation.case!r}, the case with the largest difference. "
            + (f"The first tensor beyond its share is {first.name}." if first else "Every tensor is within its share.")
            + " An error is relative to the largest value of its tensor."
        )
        figure = Figure("Relative error of every tensor", layers(graph, file), "Tensors without any error have no dot.")
        yield Section(f"Through the layers: {check.name}", lead, (figure,), (_layer_table(explanation),))


def check_findings(checks: Sequence[Checked]) -> Iterator[Finding]:
    """The checks as tests."""
    for check in checks:
        parity = check.parity
        detail = (
            f"max {parity.max_absolute:g}, mean {parity.mean_absolute:g}, {parity.rows} rows, agreement "
            f"{parity.agreement}, worst: {parity.worst_case}"
        )
        verdict = Verdict(parity.verdict)
        reason = parity.note if verdict is Verdict.NOT_RUN else "; ".join(parity.failures)
        yield Finding("bertport.parity", f"{check.name} ({parity.status}) in {check.place}", verdict, reason, detail)


def _strip(check: Checked) -> Strip:
    parity, seen = check.parity, check.parity.absolute_quantiles
    first, lower, middle, upper, last = (seen.get(key, 0.0) for key in _SHOWN)
    name = check.name if parity.status == "measured" else f"{check.name}, {parity.status}"
    return Strip(
        name=name,
        style=check.style,
        quantiles=(first, lower, middle, upper, last),
        largest=parity.max_absolute,
        budget=check.limit,
        hollow=parity.status != "measured",
        bad=parity.verdict == "fail",
    )


def _table(checks: Sequence[Checked]) -> Table:
    columns = ("bundle", "MB", "verdict", "status", "largest", "budget", "mean", "of range", "cosine", "agreement")
    return Table("Every check", columns, tuple(_row(check) for check in checks))


def _row(check: Checked) -> tuple[str, ...]:
    parity = check.parity
    size = _NOT_RUN if check.size_bytes is None else megabytes(check.size_bytes)
    if not parity.rows:
        return (check.name, size, parity.verdict, parity.status, *[_NOT_RUN] * 6)
    return (
        check.name,
        size,
        parity.verdict,
        parity.status,
        difference(parity.max_absolute),
        _NOT_RUN if check.limit is None else difference(check.limit),
        difference(parity.mean_absolute),
        f"{parity.max_relative:.2%}",
        _NOT_RUN if parity.min_cosine is None else f"{parity.min_cosine:.6f}",
        _NOT_RUN if parity.agreement is None else f"{parity.agreement:.4f}",
    )


def _remarks(checks: Sequence[Checked]) -> Iterator[Table]:
    """What failed, what was warned of, why something was not run."""
    rows = []
    for check in checks:
        parity = check.parity
        rows += [(check.name, "failure", text) for text in parity.failures]
        rows += [(check.name, "warning", text) for text in parity.warnings]
        rows += [(check.name, parity.status, parity.note)] if parity.note else []
    if rows:
        yield Table("Remarks", ("bundle", "", "what"), tuple(rows))


def _steps(errors: Sequence[TensorError]) -> list[Step]:
    return [Step(error.name, error.relative, error.beyond) for error in errors]


def _layer_table(explanation: Explanation) -> Table:
    sides = {"graph": explanation.graph, "file": explanation.file}
    found = {side: {error.name: error for error in errors} for side, errors in sides.items()}
    order = dict.fromkeys(error.name for errors in (explanation.file, explanation.graph) for error in errors)
    rows = tuple((name, _error(found["graph"].get(name)), _error(found["file"].get(name))) for name in order)
    return Table("Every tensor", ("tensor", "graph against PyTorch", "file against graph"), rows)


def _error(found: TensorError | None) -> str:
    if found is None:
        return _NOT_RUN
    words = "not finite" if found.relative is None else difference(found.relative)
    return f"{words}, beyond" if found.beyond else words
