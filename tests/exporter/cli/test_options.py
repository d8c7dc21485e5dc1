"""What commands share: texts of a file, and what is said of a parity."""

import pytest

from exporter.cli import evaluate, verify
from exporter.cli import options as shared
from exporter.verification.verify import Explanation
from runtimes.errors import UsageError
from runtimes.parity.compare import Parity, Verdict
from runtimes.parity.first_departure import Departure


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a\n\xff", "line 2: expected UTF-8, found byte 0xff"),
        (b" \n\n", "holds no text; write one a line"),
        (b"a\tb\nc\td\ne\n", "1 tabs in the first text and 0 in text 3; a tab parts texts of a pair"),
    ],
)
def test_a_file_of_texts_that_is_none_is_refused(tmp_path, content, words):
    (tmp_path / "texts.txt").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        shared.texts(tmp_path / "texts.txt")


def test_lines_are_texts(tmp_path):
    (tmp_path / "texts.txt").write_text("a\tb\n\nc\td\n")
    assert shared.texts(tmp_path / "texts.txt") == ("a\tb", "c\td")
    assert shared.texts(None) == ()


def test_warnings_and_failures_are_told_by_name(capsys):
    fine = Parity(Verdict.PASS, "measured", warnings=("a constant?",))
    failed = Parity(Verdict.FAIL, "measured", failures=("too far", "too few"))
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
