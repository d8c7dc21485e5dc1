"""Android kits of LiteRT bundles on a JVM, whose own Java has no native half there.

The kit is compiled against stand-ins of LiteRT's classes (harness/litert): they refuse what LiteRT's Java would refuse,
and answer with LiteRT's interpreter for Python. LiteRT's Java itself is not run, and Android not at all.
"""

import json
import re
import sys
from pathlib import Path

import pytest

from exporter.appkit.android.runtimes import LITERT_ANDROID, ONNXRUNTIME_ANDROID

HERE = Path(__file__).parent
ASSETS = Path("src/main/assets/testedkit")
OF_MODEL, OTHERS = (
    "dev.bertport.testedkit.ModelTest",
    ("dev.bertport.testedkit.KitTest", "dev.bertport.testedkit.LiteRtTest"),
)
"""The others are of what is the same in every kit: run in one of texts and in one of pairs."""
FIXED = {"sequence_lengths": (48, 16)}
ANSWERED = {
    "labels": {},
    "several labels": FIXED,
    "values": {},
    "one score": {},
    "a reranker": {},
    "entities": FIXED,
    "answers": FIXED,
    "embeddings": {},
    "prompted": FIXED,
}
"""What a kit answers with → options of its export."""


@pytest.fixture(scope="module")
def target():
    return "litert"


@pytest.fixture(autouse=True)
def interpreter(monkeypatch):
    monkeypatch.setenv("BERTPORT_INTERPRETER", f"{sys.executable}\n{HERE / 'harness' / 'litert' / 'interpreter.py'}")


@pytest.mark.parametrize(
    "options", [{}, pytest.param(FIXED, marks=pytest.mark.slow)], ids=["any length", "fixed lengths"]
)
def test_every_tasks_own_tests_pass_and_a_report_tells_of_their_record(
    options, kits, java, report_tells, tmp_path, monkeypatch
):
    monkeypatch.setenv("BERTPORT_RECORD", str(tmp_path / "record.json"))
    for kind in ("labels", "entities", "embeddings", "answers"):
        kit, _ = kits(kind, **options)
        more = OTHERS if kind in ("labels", "answers") else ()
        said = java(kit, "org.junit.runner.JUnitCore", OF_MODEL, *more)
        assert f"OK ({19 if more else 7} tests)" in said, said[-5000:]
    assert 'failures="0"' in report_tells(tmp_path / "record.json", "litert-none")
    golden = kit / "src" / "sharedTest" / "assets" / "golden.json"
    changed = json.loads(golden.read_bytes())
    changed["vectors"][0]["start_logits"][0] += 1
    golden.write_text(json.dumps(changed))
    assert "Failures: 2" in java(kit, "org.junit.runner.JUnitCore", OF_MODEL)  # the comparison, and the record
    assert 'failures="1"' in report_tells(tmp_path / "record.json", "litert-none")


def test_the_wrappers_answer_as_transformers_does(kits, ask, ask_transformers, answers_agree):
    expected, asked = [], {}
    for kind, options in ANSWERED.items():
        kit, checkpoint = kits(kind, **options)
        cases = ask_transformers(kind, checkpoint)
        asked[kit] = [arguments for arguments, _ in cases]
        expected.append([answer for _, answer in cases])
    for found, answers in zip(ask(asked), expected, strict=True):
        answers_agree(found, answers)


@pytest.mark.parametrize(
    ("options", "models"),
    [
        ({}, [{"file": "model.tflite", "function": "serving_default"}]),
        (FIXED, [{"file": "model.tflite", "length": n, "function": f"tokens_{n}"} for n in (16, 48)]),
    ],
)
def test_a_kit_names_its_signatures_shortest_first(options, models, kits):
    kit, _ = kits("entities", **options)
    told = json.loads((kit / ASSETS / "kit.json").read_bytes())
    assert told["models"] == models
    assert {one["dtype"] for one in told["inputs"]} == {"int32"}
    assert told["tokenOutputs"] == ["logits"]


OWN = {
    "litert": ("LiteRtModel", "model.tflite", f'api("com.google.ai.edge.litert:litert:{LITERT_ANDROID}")'),
    "onnx": ("OnnxModel", "model.onnx", f'api("com.microsoft.onnxruntime:onnxruntime-android:{ONNXRUNTIME_ANDROID}")'),
}
"""Target → the class, the file and the dependency that its kits have, and others not."""


@pytest.mark.parametrize("own", OWN)
def test_a_kit_has_what_its_own_target_needs(own, checkpoint, make_bundle, make_kit, tmp_path):
    kit = tmp_path / "TestedKit"
    assert make_kit(make_bundle(checkpoint, targets=(own,)), kit) == 0
    texts = [path.read_text() for path in kit.rglob("*") if path.suffix in (".kt", ".kts", ".md", ".pro")]
    found = {target: [sum(word in text for text in texts) for word in words] for target, words in OWN.items()}
    source, _, dependency = found.pop(own)
    assert (source, dependency) == (1, 1)
    assert [sum(counts) for counts in found.values()] == [0]
    assert [path.name for path in (kit / ASSETS).iterdir() if path.stem == "model"] == [OWN[own][1]]
    said = {"litert": 'noCompress += "tflite"', "onnx": "the assets may be compressed"}
    readme = (kit / "README.md").read_text()
    assert [target for target, words in said.items() if words in readme] == [own]
    assert not re.search(r"\{\w+\}", (kit / "README.md").read_text() + (kit / "build.gradle.kts").read_text())
