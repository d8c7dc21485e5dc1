"""The result of a check for everyone who wants it: terminal, JSON, JUnit, GitHub's summary and annotations."""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from exporter.gate.run import Checked
from exporter.gate.verdicts import COLUMNS, figures_rows
from runtimes.files.atomic_write import write_whole
from runtimes.measurement.measure import fingerprint
from runtimes.parity.compare import Verdict
from runtimes.reporting.github import annotates, annotation, append_summary, markdown_table
from runtimes.reporting.junit import Finding, junit_xml
from runtimes.reporting.terminal import plain_table, show
from runtimes.version import __version__

_log = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "onnxruntime", "torch", "transformers")


def tell(checked: Sequence[Checked], findings: Sequence[Finding], config: Path, junit: Path | None) -> None:
    """Everything but the result itself."""
    problems = [one for one in findings if one.verdict is not Verdict.PASS]
    for one in problems:
        _log.info(f"{one.suite}: {one.name}: {one.verdict.value}: {one.message}")
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
        print(json.dumps(_record(checked, findings), indent=2, allow_nan=False))
    else:
        show(plain_table("checked", COLUMNS, figures_rows(checked, findings)))


def annotate(level: str, title: str, message: str, config: Path) -> None:
    """Mark the run, where it is one of GitHub's; on stderr, which GitHub reads too, for stdout is the result's."""
    if annotates():
        print(annotation(level, title, message, str(config)), file=sys.stderr)


def versions() -> dict[str, str]:
    """What gave the figures."""
    return {"bertport": __version__, **{name: version(name) for name in _LIBRARIES}}


def _record(checked: Sequence[Checked], findings: Sequence[Finding]) -> dict[str, object]:
    return {
        "kind": "check",
        "schema_version": 1,
        "host": fingerprint(),
        "versions": versions(),
        "bundles": {one.name: _bundle(one) for one in checked},
        "findings": [asdict(one) | {"verdict": one.verdict.value} for one in findings],
    }


def _bundle(one: Checked) -> dict[str, object]:
    return {
        "size_bytes": one.bundle.size_bytes,
        "parity": {arch: parity.as_record() for arch, parity in one.parities.items()},
        "drop_points": one.drop_points,
        "peak_rss_bytes": one.peak_rss_bytes,
        "latency_ratios": one.ratios,
    }
