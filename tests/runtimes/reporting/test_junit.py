"""JUnit XML says what the verdicts say, whatever the texts in it."""

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from runtimes.parity.compare import Verdict
from runtimes.reporting.junit import Finding, junit_xml

FINDINGS = [
    Finding("b", "onnx-none", Verdict.PASS, detail="max 1e-6"),
    Finding("a", "onnx-int8", Verdict.FAIL, "max_absolute 0.3 is beyond 0.1", "worst: text 3"),
    Finding("b", "coreml-fp16", Verdict.NOT_RUN, "no macOS"),
]


def test_each_verdict_is_what_ci_shows_for_it():
    root = ElementTree.fromstring(junit_xml(FINDINGS))
    assert [suite.get("name") for suite in root] == ["a", "b"]
    counts = {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "3", "failures": "1", "errors": "0", "skipped": "1"}
    failure, skipped = root.find(".//failure"), root.find(".//skipped")
    assert failure.get("message") == "max_absolute 0.3 is beyond 0.1"
    assert failure.text == "worst: text 3"
    assert skipped.get("message") == "no macOS"
    passed = root.find(".//testcase[@name='onnx-none']")
    assert [child.tag for child in passed] == ["system-out"]


def test_no_findings_are_no_tests():
    assert ElementTree.fromstring(junit_xml([])).get("tests") == "0"


@given(st.text(), st.text())
def test_any_text_gives_well_formed_xml(name, message):
    root = ElementTree.fromstring(junit_xml([Finding("suite", name, Verdict.FAIL, message, message)]))
    assert root.get("failures") == "1"


def test_what_xml_cannot_hold_is_replaced_and_the_rest_kept():
    root = ElementTree.fromstring(junit_xml([Finding("s", "a\0b<&\ud800é", Verdict.PASS)]))
    assert root.find(".//testcase").get("name") == "a\ufffdb<&\ufffdé"
