"""Android kits on a JVM: sources compile, tests pass with ONNX Runtime's own Java, the tokenizer is exact.

Android itself is a stub of ours, against which the part that touches it is only type-checked.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from benchmarks.kits import tokenizer_exactness as exactness
from exporter.targets.registry import TARGETS
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.runner import Batch

ASSETS = Path("src/main/assets/testedkit")
KINDS = ("labels", "several labels", "values", "one score", "a reranker")
KINDS += ("entities", "answers", "embeddings", "prompted")
PLANS = [(exactness.short_plan, 100_000), pytest.param(exactness.plan, 3_000_000, marks=pytest.mark.slow)]
"""What is compared, and how many tokens that is at least."""
JUNIT = ("org.junit.runner.JUnitCore", "dev.bertport.testedkit.ModelTest")
OTHERS = ("dev.bertport.testedkit.KitTest", "dev.bertport.testedkit.CopiedFilesTest")
"""Of what is the same in every kit: run in one of texts and in one of pairs."""


@pytest.fixture(scope="module")
def target():
    return "onnx"


def test_every_tasks_own_tests_pass_and_a_report_tells_of_their_record(kits, java, report_tells, tmp_path, monkeypatch):
    monkeypatch.setenv("BERTPORT_RECORD", str(tmp_path / "record.json"))
    for number, kind in enumerate(("labels", "entities", "embeddings", "answers")):
        kit, _ = kits(kind, **({"int32_inputs": True} if number == 1 else {}))
        more = OTHERS if kind in ("labels", "answers") else ()
        said = java(kit, *JUNIT, *more)
        assert f"OK ({16 if more else 7} tests)" in said, said[-5000:]
    assert 'failures="0"' in report_tells(tmp_path / "record.json", "onnx-none")
    golden = kit / "src" / "sharedTest" / "assets" / "golden.json"
    changed = json.loads(golden.read_bytes())
    changed["vectors"][0]["start_logits"][0] += 1
    golden.write_text(json.dumps(changed))
    assert "Failures: 2" in java(kit, *JUNIT)  # the comparison, and the record
    assert 'failures="1"' in report_tells(tmp_path / "record.json", "onnx-none")


def test_the_wrappers_answer_as_transformers_does(kits, ask, ask_transformers, answers_agree):
    expected, asked = [], {}
    for kind in KINDS:
        kit, checkpoint = kits(kind)
        cases = ask_transformers(kind, checkpoint)
        asked[kit] = [arguments for arguments, _ in cases]
        expected.append([answer for _, answer in cases])
    for found, answers in zip(ask(asked), expected, strict=True):
        answers_agree(found, answers)


def test_the_constants_are_those_of_kit_json(kits, ask, check_constants_are_read):
    kit, _ = kits("answers")
    check_constants_are_read(lambda asked: ask({kit: asked})[0], kit / ASSETS / "kit.json")


def test_the_oldest_runtime_reads_every_scheme(checkpoint, make_own, make_kit, ask, texts, tmp_path):
    """ONNX Runtime 1.17, which reads nothing newer than IR 9 and opset 20."""
    asked = {}
    for scheme in TARGETS["onnx"].schemes:
        kit = tmp_path / scheme / "TestedKit"
        bundle = make_own(checkpoint, name=f"{scheme}-bundle", schemes=(scheme,), keep_failing=True)
        assert make_kit(bundle, kit, "--even-failing") == 0
        asked[kit] = [[text] for text in texts[:4]]
    for kit, found in zip(asked, ask(asked), strict=True):
        runner = OnnxRunner(kit / ASSETS / "model.onnx")
        logits = [runner.run(batch_of(kit, text))["logits"][0] for [text] in asked[kit]]
        assert [one[0]["label"] for one in found] == [f"LABEL_{row.argmax()}" for row in logits]


def batch_of(kit: Path, text: str) -> Batch:
    tokenizer = BertWordPieceTokenizer(str(kit / ASSETS / "vocab.txt"))
    read = tokenizer.encode(text)
    return Batch(*(np.array([row]) for row in (read.ids, read.attention_mask, read.type_ids)))


@pytest.mark.parametrize(("plan", "tokens"), PLANS)
def test_the_tokenizer_is_exact_on_a_jvm(platform, folder, plan, tokens):
    """Every 500th text of everything in all modes. The whole: benchmarks/."""
    found = [exactness.compare(platform, folder, step) for step in plan(500)]
    assert sum(one.tokens for one in found) > tokens
    assert not [one for one in found if one.mismatches]


def test_long_and_odd_texts_and_vocabularies(platform, folder, hostile_texts, check_odd_vocabulary):
    assert exactness.compare(platform, folder, hostile_texts).mismatches == 0
    check_odd_vocabulary(platform, folder)


ROUNDS = 1_000


def test_classifying_cancelling_and_closing_at_random_moments_frees_no_model_under_a_run(kits, java, tmp_path):
    kit, _ = kits("labels")
    command = ("dev.bertport.testedkit.InterleaveKt", kit / ASSETS, str(ROUNDS), "17")
    found = json.loads(java(tmp_path, *command, "guarded").splitlines()[0])
    assert (found["crashes"], found["wrong"]) == (0, 0)
    assert sum(found.values()) == 6 * ROUNDS
    assert min(found[name] for name in ("answered", "cancelled", "late")) >= ROUNDS // 20
    bare = json.loads(java(tmp_path, *command, "bare").splitlines()[0])
    assert bare["crashes"] > 0
