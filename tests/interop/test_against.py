"""`verify --against` on what Optimum exports of a checkpoint: it passes, and of another checkpoint it fails.

Needs the environment of `make optimum-env`, as `test_optimum.py` does.
"""

import os
import subprocess
from pathlib import Path

import pytest

from exporter.cli.main import main

OPTIMUM = Path(__file__).parents[2] / ".venv-optimum" / "bin" / "python"
PROGRAM = """
import sys
import optimum.onnxruntime as runtime
runtime.ORTModelForSequenceClassification.from_pretrained(sys.argv[1], export=True).save_pretrained(sys.argv[2])
"""


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    place = tmp_path_factory.mktemp("optimum") / "exported"
    command = [str(OPTIMUM), "-W", "ignore", "-c", PROGRAM, str(checkpoint), str(place)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return place / "model.onnx"


def test_what_optimum_exports_passes(exported, checkpoint, texts_file):
    assert main(["verify", str(exported), "--against", str(checkpoint), "--texts", str(texts_file)]) == 0


def test_against_another_checkpoint_it_fails(exported, write_checkpoint, tmp_path, texts_file, capsys):
    other = write_checkpoint(tmp_path / "other", seed=7)
    assert main(["verify", str(exported), "--against", str(other), "--texts", str(texts_file)]) == 1
    assert "parity failed" in capsys.readouterr().err
