"""Android kits on a JVM: sources compile, tests pass with ONNX Runtime's own Java, the tokenizer is exact.

Android itself is a stub of ours, against which the part that touches it is only type-checked.
"""

import json
import os
import subprocess
from pathlib import Path

import onnx
import pytest
import tokenizer_exactness as exactness
from tokenizer_kits import CLASSPATH, build_android, compile_kotlin

from exporter.cli import main
from exporter.lowering import Settings

ROOT = Path(__file__).parent.parent.parent.parent
JVM_IR_VERSION = 9
"""The newest that ONNX Runtime 1.17.0, the one with Java that a registry has, reads; that of opset 20 itself."""
ARCHITECTURES = {
    "text-classification": "BertForSequenceClassification",
    "token-classification": "BertForTokenClassification",
    "question-answering": "BertForQuestionAnswering",
}

needs_jvm = pytest.mark.skipif(
    not ((ROOT / ".jvm" / "made").is_file() and (ROOT / ".npm" / "made").is_file()) and not os.environ.get("CI"),
    reason="no Kotlin or ONNX Runtime for a JVM: make jvm-packages",
)


def make_kit(bundle: Path, place: Path) -> int:
    return main(["app-kit", str(bundle), "--platform", "android", "-o", str(place)])


@pytest.fixture
def make_onnx(make_bundle):
    def make(checkpoint, **changes):
        return make_bundle(checkpoint, **{"settings": Settings(), "targets": ("onnx",), **changes})

    return make


def run_tests(kit: Path, classes: Path) -> "subprocess.CompletedProcess[str]":
    command = ["java", "-cp", f"{classes}{os.pathsep}{CLASSPATH}", "org.junit.runner.JUnitCore", f"{kit.name}.KitTest"]
    return subprocess.run(command, cwd=kit, capture_output=True, text=True, check=False)


@needs_jvm
def test_every_tasks_kit_compiles_and_its_tests_pass(write_checkpoint, make_onnx, tmp_path):
    classes = tmp_path / "classes"
    for number, (task, architecture) in enumerate(ARCHITECTURES.items()):
        checkpoint = write_checkpoint(tmp_path / task, architecture=architecture, labels=2)
        kit = tmp_path / str(number) / "kit"
        integers = Settings(int32_inputs=number == 1)
        assert make_kit(make_onnx(checkpoint, name=f"{task}-bundle", settings=integers), kit) == 0
        model = kit / "src" / "main" / "assets" / "kit" / "model.onnx"
        content = onnx.load(model)
        content.ir_version = JVM_IR_VERSION
        onnx.save(content, model)
        if number == 0:
            compile_kotlin(kit, classes)
        done = run_tests(kit, classes)
        assert "OK (5 tests)" in done.stdout, done.stdout[-3000:] + done.stderr[-2000:]
    golden = kit / "src" / "sharedTest" / "assets" / "golden.json"
    changed = json.loads(golden.read_bytes())
    changed["vectors"][0]["start_logits"][0] += 1
    golden.write_text(json.dumps(changed))
    assert "Failures: 1" in run_tests(kit, classes).stdout


@needs_jvm
def test_the_tokenizer_is_exact_on_a_jvm(tmp_path):
    """Every scalar in one mode; every 500th text of everything in all modes. The whole: benchmarks/."""
    platform = build_android(tmp_path)
    found = [exactness.compare(platform, tmp_path, step) for step in exactness.plan(500)]
    assert sum(one.tokens for one in found) > 3_000_000
    assert not [one for one in found if one.mismatches]


def test_the_package_bears_the_kits_name(checkpoint, make_onnx, tmp_path, capsys):
    bundle = make_onnx(checkpoint)
    assert make_kit(bundle, tmp_path / "My-Model Kit") == 0
    sources = tmp_path / "My-Model Kit" / "src" / "main" / "kotlin" / "mymodelkit"
    assert all(path.read_text().split("\n")[0] == "package mymodelkit" for path in sources.iterdir())
    assert not [path for path in sources.iterdir() if "bertkit" in path.read_text()]
    assert make_kit(bundle, tmp_path / "when") == 2
    assert "Kotlin package" in capsys.readouterr().err
