"""What commands report of a parity."""

from exporter.cli import evaluate, verify
from exporter.cli import parities as shared
from exporter.cli.progress import progress_on_stderr
from exporter.verification.explanation import Explanation
from runtimes.parity.compare import Parity, Verdict
from runtimes.parity.first_departure import Departure


def test_warnings_and_failures_are_told_by_name(capsys):
    fine = Parity(Verdict.PASS, "measured", warnings=("a constant?",))
    failed = Parity(Verdict.FAIL, "measured", failures=("too far", "too few"))
    with progress_on_stderr():
        shared.tell([("onnx-int8", fine), ("coreml-int4", failed)])
    assert capsys.readouterr().err.splitlines() == [
        "bertport: onnx-int8: warning: a constant?",
        "bertport: coreml-int4: parity failed: too far",
        "bertport: coreml-int4: parity failed: too few",
        "bertport: coreml-int4: `bertport verify BUNDLE --explain` says where (--keep-failing keeps such a bundle)",
    ]
    assert shared.exit_code([fine]) == 0
    assert shared.exit_code([fine, failed]) == 1


def test_the_first_tensor_that_departs_is_named():
    fine, broken = Departure("embeddings", 1e-7, False), Departure("layer.0.output", 0.25, True)
    said = verify._first(Explanation("text 0", [fine], [fine, broken, Departure("logits", 0.5, True)]))
    assert said == "explain: the first tensor that departs is layer.0.output (0.25 of its largest value)"
    assert verify._first(Explanation("text 0", [fine], [fine])) == "explain: every named tensor is within its share"


def test_answers_are_told_in_words():
    labels = ("O", "B-PER")
    assert evaluate._named([1, -1, 0], labels) == "B-PER – O"
    assert evaluate._named(1, labels) == "B-PER"
    assert evaluate._named([], labels) == "[]"
    assert evaluate._named(0.5, labels) == "0.5"
