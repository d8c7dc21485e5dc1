"""int8 gives the same logits on an x86 without VNNI: ONNX Runtime's own kernels on a processor that qemu emulates.

Needs qemu's user mode (Debian's qemu-user-static), which CI installs: there its absence is a failure.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def qemu():
    if platform.machine() != "x86_64":
        pytest.skip("the kernels in question are x86's")
    if shutil.which("qemu-x86_64-static") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install qemu-user-static")
        pytest.skip("no qemu-x86_64-static; Debian's package qemu-user-static has it")


def test_shipped_int8_does_not_saturate_where_full_range_int8_does(qemu, tmp_path):
    record = tmp_path / "record.json"
    script = ROOT / "benchmarks" / "int8_processors.py"
    subprocess.run([sys.executable, str(script), "-o", str(record)], check=True, capture_output=True)
    (found,) = json.loads(record.read_text())["max_absolute_to_native"].values()
    assert found["shipped int8"] < 1e-4
    assert found["full-range int8"] > 1e-2  # the control: the emulated processor does saturate
