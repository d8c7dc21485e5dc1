"""Output of a check: terminal, JSON, JUnit, GitHub's summary and annotations."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from exporter.gate.run import Checked
from exporter.gate.verdicts import COLUMNS, figures_rows
from runtimes.files.atomic_write import write_whole
from runtimes.measurement.host import fingerprint, versions
from runtimes.parity.compare import Verdict
from runtimes.records.check import CheckedBundle, CheckRecord, Judged
from runtimes.records.parity import parity_record
from runtimes.records.writing import printed
from runtimes.reporting.github import annotates, annotation, append_summary, markdown_table
from runtimes.reporting.junit import Finding, junit_xml
from runtimes.reporting.terminal import plain_table, show

_log = logging.getLogger(__name__)

LIBRARIES = ("numpy", "onnxruntime", "torch", "transformers")


def tell(checked: Sequence[Checked], findings: Sequence[Finding], config: Path, junit: Path | None) -> None:
    """Everything but the result itself."""
    problems = [one for one in findings if one.verdict is not Verdict.PASS]
    for one in problems:
        _log.warning(f"{one.suite}: {one.name}: {one.verdict.value}: {one.message}")
        annotate("error" if one.verdict is Verdict.FAIL else "warning", f"{one.suite}: {one.name}", one.message, config)
    if junit:
        write_whole(junit, junit_xml(findings))
    parts = ["### bertport check", markdown_table(COLUMNS, figures_rows(checked, findings))]
    if problems:
        rows = [[one.suite, one.name, one.verdict.value, one.message] for one in problems]
        parts.append(markdown_table(("bundle", "what", "verdict", "why"), rows))
    append_summary("\n\n".join(parts) + "\n")


def show_result(checked: Sequence[Checked], findings: Sequence[Finding], as_json: bool) -> None:
    """The table or the JSON, on stdout."""
    if as_json:
        print(printed(check_record(checked, findings)))
    else:
        show(plain_table("checked", COLUMNS, figures_rows(checked, findings)))


def annotate(level: str, title: str, message: str, config: Path) -> None:
    """Mark the run, where it is one of GitHub's; on stderr, which GitHub reads too, for stdout is the result's."""
    if annotates():
        print(annotation(level, title, message, str(config)), file=sys.stderr)


def check_record(checked: Sequence[Checked], findings: Sequence[Finding]) -> CheckRecord:
    """Make the record of a check."""
    return CheckRecord(
        host=fingerprint(),
        versions=versions(*LIBRARIES),
        bundles={one.name: _bundle(one) for one in checked},
        findings=tuple(Judged(**{**vars(one), "verdict": one.verdict.value}) for one in findings),
    )


def _bundle(one: Checked) -> CheckedBundle:
    return CheckedBundle(
        size_bytes=one.bundle.size_bytes,
        parity={arch: parity_record(parity) for arch, parity in one.parities.items()},
        drop_points=one.drop_points,
        peak_rss_bytes=one.peak_rss_bytes,
        latency_ratios=None if one.ratios is None else {str(tokens): ratio for tokens, ratio in one.ratios.items()},
    )
