"""Android kits on a JVM: sources compile, tests pass with ONNX Runtime's own Java, the tokenizer is exact.

Android itself is a stub of ours, against which the part that touches it is only type-checked.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from benchmarks.kits import tokenizer_exactness as exactness
from benchmarks.kits.tokenizer_kits import CLASSPATH, build_android
from exporter.cli.main import main
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.runner import Batch

ROOT = Path(__file__).parents[4]
ASSETS = Path("src/main/assets/testedkit")
KINDS = ("labels", "several labels", "values", "one score", "a reranker")
KINDS += ("entities", "answers", "embeddings", "prompted")
JUNIT = ("org.junit.runner.JUnitCore", "testedkit.KitTest")
needs_jvm = pytest.mark.skipif(
    not ((ROOT / ".jvm" / "made").is_file() and (ROOT / ".npm" / "made").is_file()) and not os.environ.get("CI"),
    reason="no Kotlin or ONNX Runtime for a JVM: make jvm-packages",
)


def make_kit(bundle: Path, place: Path, *more: str) -> int:
    return main(["app-kit", str(bundle), "--platform", "android", "-o", str(place), *more])


@pytest.fixture
def make_onnx(make_bundle):
    def make(checkpoint, **changes):
        return make_bundle(checkpoint, **{"settings": Settings(), "targets": ("onnx",), **changes})

    return make


@pytest.fixture
def kits(make_kind, make_onnx, tmp_path):
    """A kit of a kind, all of one name, and the checkpoint it was made of."""

    def make(kind: str, **settings: object) -> tuple[Path, Path]:
        folder, kit = make_kind(kind), tmp_path / f"{kind}-kit" / "TestedKit"
        assert make_kit(make_onnx(folder, name=f"{kind}-bundle", settings=Settings.of(**settings)), kit) == 0
        return kit, folder

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("android")


@pytest.fixture(scope="module")
def platform(folder):
    """The demo's kit compiled; in folder / classes, for every kit of that name has the same sources."""
    return build_android(folder)


@pytest.fixture
def java(platform, folder):
    def run(cwd: Path, *command: "str | Path") -> str:
        classpath = f"{folder / 'classes'}{os.pathsep}{CLASSPATH}"
        done = subprocess.run(
            ["java", "-cp", classpath, *command], cwd=cwd, capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    return run


@pytest.fixture
def ask(java, tmp_path):
    """What each kit answers to what it is asked, in one JVM."""

    def run(asked: "dict[Path, list[list[object]]]") -> "list[list[object]]":
        files = []
        for number, (kit, texts) in enumerate(asked.items()):
            files += [kit / ASSETS, tmp_path / f"asked{number}.json", tmp_path / f"answers{number}.json"]
            files[-2].write_text(json.dumps(texts))
        said = java(tmp_path, "testedkit.AskKt", *files)
        assert files[-1].is_file(), said
        return [json.loads(path.read_bytes()) for path in files[2::3]]

    return run


@needs_jvm
def test_every_tasks_own_tests_pass_and_a_report_tells_of_their_record(kits, java, report_tells, tmp_path, monkeypatch):
    monkeypatch.setenv("BERTPORT_RECORD", str(tmp_path / "record.json"))
    for number, kind in enumerate(("labels", "entities", "embeddings", "answers")):
        kit, _ = kits(kind, int32_inputs=number == 1)
        said = java(kit, *JUNIT)
        assert "OK (7 tests)" in said, said[-5000:]
    assert 'failures="0"' in report_tells(tmp_path / "record.json", "onnx-none")
    golden = kit / "src" / "sharedTest" / "assets" / "golden.json"
    changed = json.loads(golden.read_bytes())
    changed["vectors"][0]["start_logits"][0] += 1
    golden.write_text(json.dumps(changed))
    assert "Failures: 2" in java(kit, *JUNIT)
    assert 'failures="1"' in report_tells(tmp_path / "record.json", "onnx-none")


@needs_jvm
def test_the_wrappers_answer_as_transformers_does(kits, ask, ask_transformers, answers_agree):
    expected, asked = [], {}
    for kind in KINDS:
        kit, checkpoint = kits(kind)
        cases = ask_transformers(kind, checkpoint)
        asked[kit] = [arguments for arguments, _ in cases]
        expected.append([answer for _, answer in cases])
    for found, answers in zip(ask(asked), expected, strict=True):
        answers_agree(found, answers)


@needs_jvm
def test_the_constants_are_those_of_kit_json(kits, ask, check_constants_are_read):
    kit, _ = kits("answers")
    check_constants_are_read(lambda asked: ask({kit: asked})[0], kit / ASSETS / "kit.json")


@needs_jvm
def test_the_oldest_runtime_reads_every_scheme(checkpoint, make_onnx, ask, texts, tmp_path):
    """ONNX Runtime 1.17, which reads nothing newer than IR 9 and opset 20."""
    asked = {}
    for scheme in TARGETS["onnx"].schemes:
        kit = tmp_path / scheme / "TestedKit"
        bundle = make_onnx(checkpoint, name=f"{scheme}-bundle", schemes=(scheme,), keep_failing=True)
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


@needs_jvm
def test_the_tokenizer_is_exact_on_a_jvm(platform, folder):
    """Every scalar in one mode; every 500th text of everything in all modes. The whole: benchmarks/."""
    found = [exactness.compare(platform, folder, step) for step in exactness.plan(500)]
    assert sum(one.tokens for one in found) > 3_000_000
    assert not [one for one in found if one.mismatches]


@needs_jvm
def test_long_and_odd_texts_and_vocabularies(platform, folder, hostile_texts, check_odd_vocabulary):
    assert exactness.compare(platform, folder, hostile_texts).mismatches == 0
    check_odd_vocabulary(platform, folder)


def test_the_package_bears_the_kits_name(checkpoint, make_onnx, tmp_path, capsys):
    bundle = make_onnx(checkpoint)
    assert make_kit(bundle, tmp_path / "My-Model Kit") == 0
    sources = tmp_path / "My-Model Kit" / "src" / "main" / "kotlin" / "mymodelkit"
    assert all(path.read_text().split("\n")[0] == "package mymodelkit" for path in sources.iterdir())
    assert not [path for path in sources.iterdir() if "bertkit" in path.read_text()]
    assert make_kit(bundle, tmp_path / "when") == 2
    assert "Kotlin package" in capsys.readouterr().err
