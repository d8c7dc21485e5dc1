"""Building a report from records: sections in reading order, and the figures at the top."""

from collections.abc import Iterator, Sequence
from itertools import chain

from runtimes.measurement.statistics import summarise
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import MEGABYTE, Document, Fact, megabytes, milliseconds
from runtimes.reporting.junit import Finding
from runtimes.reporting.names import Names
from runtimes.reporting.sections_before import before_sections
from runtimes.reporting.sections_cost import accuracy_sections, bench_sections
from runtimes.reporting.sections_gate import gate_facts, gate_findings, gate_sections
from runtimes.reporting.sections_other import device_findings, device_sections, tune_sections
from runtimes.reporting.sections_parity import Checked, all_checks, check_findings, layer_sections, parity_section

_TOKENS = 128


def build(findings: Findings, before: Findings | None = None) -> tuple[Document, list[Finding]]:
    """The document, and the verdicts in it as tests; with what moved since `before`."""
    names = Names(findings)
    checks = all_checks(findings, names)
    sections = chain(
        gate_sections(findings),
        before_sections(findings, before, names),
        accuracy_sections(findings, names),
        bench_sections(findings, names),
        parity_section(checks),
        layer_sections(checks),
        device_sections(findings, names),
        tune_sections(findings, names),
    )
    facts = (*gate_facts(findings), *_verdicts(checks), *_smallest(findings, names), *_fastest(findings))
    document = Document(_title(findings), _lead(findings), facts, tuple(sections))
    return document, [*check_findings(checks), *device_findings(findings, names), *gate_findings(findings)]


def _title(findings: Findings) -> str:
    models = {found.name.model for found in findings.bundles}
    return f"{models.pop()}: what was measured" if len(models) == 1 else "What was measured"


def _lead(findings: Findings) -> str:
    kinds = {
        "bundle": findings.bundles,
        "later check": findings.checks,
        "gate": findings.gates,
        "bench run": findings.benches,
        "evaluation": findings.evaluations,
        "search": findings.tunes,
        "device": findings.devices,
    }
    counted = [f"{len(found)} {kind}{'s' if len(found) != 1 else ''}" for kind, found in kinds.items() if found]
    return f"From {', '.join(counted).replace('searchs', 'searches')}."


def _verdicts(checks: Sequence[Checked]) -> Iterator[Fact]:
    passed = sum(check.parity.verdict == "pass" for check in checks)
    failed = sum(check.parity.verdict == "fail" for check in checks)
    if checks:
        words = "checks agree with PyTorch within budget" + (f", {failed} beyond" if failed else "")
        yield Fact(f"{passed} of {len(checks)}", words, bad=failed > 0)


def _smallest(findings: Findings, names: Names) -> Iterator[Fact]:
    passing = [found for found in findings.bundles if found.parity.verdict == "pass"]
    if passing:
        found = min(passing, key=lambda one: one.bundle.size_bytes)
        yield Fact(f"{megabytes(found.bundle.size_bytes)} MB", f"smallest within budget: {names.of(found.name)}")


def _fastest(findings: Findings) -> Iterator[Fact]:
    """Of one run alone: times of two runs were not interleaved."""
    if len(findings.benches) != 1:
        return
    summaries = [one for one in summarise(findings.benches[0].record) if one.threads == 1 and one.subject.bundle]
    timed = [(time.p50_s, one) for one in summaries if (time := one.timing(_TOKENS))]
    if timed:
        best_s, one = min(timed, key=lambda pair: pair[0])
        yield Fact(f"{milliseconds(best_s)} ms", f"fastest at {_TOKENS} tokens, one thread: {one.subject.name}")
        leanest = min(summaries, key=lambda one: one.peak_rss_bytes)
        yield Fact(f"{leanest.peak_rss_bytes / MEGABYTE:.0f} MB", f"least peak memory: {leanest.subject.name}")
