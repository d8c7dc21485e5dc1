"""What help must not import, for each of these costs more than the help; the times themselves are in CHANGELOG.md."""

import subprocess
import sys

import pytest

RUNTIMES = {"torch", "transformers", "onnxruntime", "coremltools", "optimum", "coreai", "ai_edge_litert", "sklearn"}
SLOW = RUNTIMES | {"pydantic", "rich", "jinja2", "scipy", "huggingface_hub"}
FORBIDDEN = {
    ("--help",): SLOW | {"numpy", "onnx", "tokenizers", "exporter.targets", "exporter.checkpoint", "exporter.model"},
    ("--version",): SLOW | {"numpy", "onnx", "tokenizers", "exporter.targets", "exporter.checkpoint", "exporter.model"},
    ("export", "--help"): SLOW | {"exporter.pipeline", "exporter.model.families.bert", "exporter.verification.verify"},
    ("report", "--help"): SLOW | {"numpy", "exporter.targets"},
}
"""Arguments → modules that they must not import."""
PROGRAM = """
import sys
from exporter.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    print(*sys.modules, file=sys.stderr)
"""


def imported(program, arguments, folder):
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", FORBIDDEN, ids=" ".join)
def test_help_imports_nothing_that_is_slow(arguments, tmp_path):
    found = imported(PROGRAM, arguments, tmp_path)
    assert "exporter.cli.main" in found
    assert found & FORBIDDEN[arguments] == set()


def test_what_is_imported_would_be_seen(tmp_path):
    found = imported(f"import rich\n{PROGRAM}", ["--help"], tmp_path)
    assert found & SLOW == {"rich"}
