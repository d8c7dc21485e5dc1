"""JUnit XML from verdicts: pass, fail, or skipped for what was not run."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from runtimes.parity.compare import Verdict

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML 1.0 document may hold, not even escaped (https://www.w3.org/TR/xml/#charsets)."""


@dataclass(frozen=True)
class Finding:
    """One test: `message` is its one line, `detail` the figures behind it; `suite` groups tests and may be a path."""

    suite: str
    name: str
    verdict: Verdict
    message: str = ""
    detail: str = ""


def junit_xml(findings: Iterable[Finding]) -> bytes:
    """Render UTF-8 XML, one <testsuite> a suite, in the order of suites' names; the same for the same findings."""
    root = Element("testsuites", name="bertport")
    for name, found in groupby(sorted(findings, key=lambda one: one.suite), key=lambda one: one.suite):
        _add_suite(root, name, list(found))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, 0)) for suite in root)))
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add_suite(root: Element, name: str, findings: list[Finding]) -> None:
    counts = {verdict: sum(one.verdict is verdict for one in findings) for verdict in Verdict}
    suite = SubElement(root, "testsuite", name=_clean(name), tests=str(len(findings)), errors="0")
    suite.set("failures", str(counts[Verdict.FAIL]))
    suite.set("skipped", str(counts[Verdict.NOT_RUN]))
    for one in findings:
        _add_case(suite, one)


def _add_case(suite: Element, finding: Finding) -> None:
    case = SubElement(suite, "testcase", classname=_clean(finding.suite), name=_clean(finding.name))
    message = _clean(finding.message)
    if finding.verdict is Verdict.FAIL:
        SubElement(case, "failure", message=message, type="beyond budget").text = _clean(finding.detail)
    elif finding.verdict is Verdict.NOT_RUN:
        SubElement(case, "skipped", message=message)
    elif finding.detail:
        SubElement(case, "system-out").text = _clean(finding.detail)


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
