"""Report sections on `bertport check`: the judgements besides parity."""

from collections.abc import Iterator

from runtimes.parity.compare import Verdict
from runtimes.reporting.collect import Findings
from runtimes.reporting.document import Fact, Section, Table
from runtimes.reporting.junit import Finding

_PARITY = "parity "
"""How the names of those findings begin that are parity records too."""


def gate_facts(findings: Findings) -> Iterator[Fact]:
    """How many of all judgements hold; nothing without a gate."""
    judged = [one for found in findings.gates for one in found.record.findings]
    if judged:
        held = sum(one.verdict == "pass" for one in judged)
        yield Fact(f"{held} of {len(judged)}", "of `bertport check`'s judgements hold", bad=held < len(judged))


def gate_sections(findings: Findings) -> Iterator[Section]:
    """Each gate by itself: every judgement, those that do not hold first."""
    for found in findings.gates:
        judged = sorted(found.record.findings, key=lambda one: one.verdict == "pass")
        if judged:
            rows = tuple((one.suite, one.name, one.verdict, one.message) for one in judged)
            table = Table("Every judgement", ("bundle", "what", "verdict", "why"), rows)
            failed = sum(one.verdict != "pass" for one in judged)
            lead = f"{failed} of {len(judged)} judgements of bertport.toml and its baseline do not hold."
            yield Section(f"Gate: {found.place.stem}", lead, tables=(table,))


def gate_findings(findings: Findings) -> Iterator[Finding]:
    """The judgements as tests, but for those of parity."""
    for found in findings.gates:
        for one in found.record.findings:
            if not one.name.startswith(_PARITY):
                yield Finding(f"bertport.check.{one.suite}", one.name, Verdict(one.verdict), one.message, one.detail)
