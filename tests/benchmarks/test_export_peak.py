"""An export needs at most 2.5 times the float32 bytes of its checkpoint, the answers of PyTorch included."""

import sys
from dataclasses import dataclass

import pytest

from benchmarks.cost.export_peak import export_peak, watch
from benchmarks.models.tier_checkpoint import write_stand_in

MB = 1_000_000
PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "held = bytearray(120_000_000); input()"], stdin=subprocess.PIPE)
held = bytearray(240_000_000)
import time; time.sleep(1)
del held
child.communicate(b"\\n")
"""


@dataclass(frozen=True)
class Shape:
    layers: int
    hidden: int
    heads: int


def test_what_is_held_is_seen_in_each_process_and_in_both():
    peak = watch([sys.executable, "-c", PARENT])
    assert 240 * MB < peak.export_bytes < 300 * MB
    assert 120 * MB < peak.pytorch_bytes < 180 * MB
    assert 360 * MB < peak.together_bytes < 480 * MB
    assert peak.largest_bytes == peak.export_bytes


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The geometry of boltuix' large: 381 MB."""
    return write_stand_in(tmp_path_factory.mktemp("large") / "checkpoint", Shape(10, 768, 12))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "coreml"])
@pytest.mark.parametrize("scheme", ["none", "int8"])
def test_an_export_keeps_within_it(large, tmp_path, target, scheme):
    (tmp_path / "texts").write_text("rain in the north\nshares fall\n")
    allowed = 2.5 * (large / "model.safetensors").stat().st_size
    arguments = [str(large), "--target", target, "--quantize", scheme, "--texts", str(tmp_path / "texts")]
    peak = export_peak([*arguments, "--keep-failing", "-o", str(tmp_path / "out")])
    assert peak.export_bytes < allowed
    assert 0 < peak.pytorch_bytes < allowed
    assert peak.together_bytes < allowed
