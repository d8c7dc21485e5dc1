"""The audit as a whole: what it finds fails the bundle, by name, and what it read is said."""

from exporter.targets.audit.findings import Audit, Finding
from exporter.verification.audit.bundle import with_audit
from runtimes.parity.compare import Parity, Verdict
from runtimes.reporting.terminal import covered

PASSED = Parity(Verdict.PASS, "measured", rows=3, coverage={"exercised_rows": 5, "vocabulary_rows": 9})
FOUND = Finding("model.onnx", "layer.0.dense.bias", "expected 0.5, found 0.25 in row 3")


def test_a_finding_fails_a_bundle_that_answers_well():
    parity = with_audit(PASSED, Audit((FOUND,), weights=2, rows=7, operators=4, facts=1))
    assert parity.verdict is Verdict.FAIL
    assert parity.failures == ("audit: model.onnx: layer.0.dense.bias: expected 0.5, found 0.25 in row 3",)


def test_many_findings_are_counted_and_the_first_are_shown():
    failures = with_audit(PASSED, Audit((FOUND,) * 2000)).failures
    assert len(failures) == 9
    assert failures[-1] == "audit: 1,992 more findings, 2,000 in all"


def test_an_audit_that_finds_nothing_changes_no_verdict():
    assert with_audit(PASSED, Audit(weights=2)).verdict is Verdict.PASS
    failed = Parity(Verdict.FAIL, "measured", failures=("agreement",))
    assert with_audit(failed, Audit()).failures == ("agreement",)


def test_coverage_is_kept_and_said_in_one_line():
    parity = with_audit(PASSED, Audit(weights=2, rows=7000, operators=4, facts=1))
    assert covered(parity.coverage) == (
        "audited 2 weights, 7,000 rows, 4 operators, 1 facts beside the model; texts exercise 5 of 9 word rows"
    )
    assert covered({}) == ""


def test_audits_add_up():
    both = Audit((FOUND,), 1, 2, 3, 4) + Audit((FOUND,), 10, 20, 30, 40)
    assert both == Audit((FOUND, FOUND), 11, 22, 33, 44)
