"""The built wheel carries the demo and both packages, and exports offline from wherever it is unpacked."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_wheel_exports_the_demo(tmp_path):
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("bertport-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    swift = tmp_path / "site" / "exporter" / "appkit" / "swift"
    assert {path.name for path in swift.iterdir()} == {"Package.swift", "README.md", "Samples", "Sources", "Tests"}
    assert (swift / "Sources" / "BertKit" / "PrivacyInfo.xcprivacy").is_file()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "HF_HUB_OFFLINE": "1"}
    program = (
        "import sys, exporter.cli as c; print(c.__file__); sys.exit(c.main(['export', 'demo', '--quantize', 'int8']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "site"))
    assert (tmp_path / "artifacts" / "demo" / "onnx-int8" / "golden.json").is_file()
    report = [sys.executable, "-m", "exporter", "report", "artifacts", "-o", "report"]
    subprocess.run(report, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert "onnx-int8" in (tmp_path / "report" / "report.html").read_text()
