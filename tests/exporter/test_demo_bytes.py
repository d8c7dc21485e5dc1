"""The bytes of the demo's bundles, as they were before the source tree was laid out anew.

A change that is meant to move code changes no byte of them. One that is meant to change a file states so by writing the
record again: `BERTPORT_WRITE_DEMO_BYTES=1 pytest tests/exporter/test_demo_bytes.py -m ""`.
"""

import hashlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

import pytest

import exporter

PATH = Path(__file__).parent / "demo_bytes.json"
RECORD = json.loads(PATH.read_text())
SLOW = {"onnx-pq", "coreml-pq", "coreml-w8a8"}
HOST = {name: version(name) for name in RECORD["versions"]}
DIFFERS = {name: found for name, found in HOST.items() if found != RECORD["versions"][name]}
WRITING = "BERTPORT_WRITE_DEMO_BYTES" in os.environ


def hashes(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    found = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return {name: value for name, value in sorted(found.items()) if name in MODEL_FILES}


MODEL_FILES = {name for files in RECORD["sha256"].values() for name in files}
"""All but what names the libraries of the host: the manifest, the bill of materials and the card."""


# The writers of other libraries may order what they write otherwise; other processors were not tried.
@pytest.mark.skipif(bool(DIFFERS) and not WRITING, reason=f"the record was written with other versions than {DIFFERS}")
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the record was written on x86-64")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in RECORD["sha256"]]
)
def test_the_bytes_of_the_demo_are_the_recorded_ones(name: str, tmp_path: Path) -> None:
    target, scheme = name.split("-", 1)
    settings = exporter.Settings({"deployment_target": "iOS18"} if target == "coreml" else {})
    exporter.export("demo", target=target, quantize=scheme, output=tmp_path / name, verify=False, settings=settings)
    found = hashes(tmp_path / name)
    if WRITING:
        record = json.loads(PATH.read_text())
        record = {"versions": HOST, "sha256": {**record["sha256"], name: found}}
        PATH.write_text(json.dumps(record, indent=2) + "\n")
    assert found == RECORD["sha256"][name]


def test_one_changed_byte_would_be_seen(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"a")
    before = hashes(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"b")
    assert before.keys() == {"model.onnx"}
    assert hashes(tmp_path) != before
