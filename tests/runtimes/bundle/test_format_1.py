"""Bundles of manifest format 1, from before recipes had `options`: read, verified, and not to be forged.

`format_1/` holds a seeded checkpoint and what `bertport export` made of it then, for each target.
"""

import json
import shutil
from pathlib import Path

import pytest

from exporter.cli.main import main
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.format_1 import upgraded
from runtimes.bundle.manifest import FORMAT_VERSION, MANIFEST
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BundleError
from runtimes.parity.compare import Verdict

FIXTURE = Path(__file__).parent / "format_1"
OPTIONS = {
    "onnx": {"opset": 20, "int32_inputs": False, "float_channels": None, "hidden_states": False},
    "coreml": {"sequence_lengths": (8,), "compute_units": "all", "deployment_target": "iOS18"},
}


@pytest.mark.parametrize("target", OPTIONS)
def test_an_old_bundle_is_read_and_verified(target: str) -> None:
    folder = FIXTURE / f"{target}-none"
    assert json.loads((folder / MANIFEST).read_text())["format_version"] == 1
    bundle = read_bundle(folder)
    check_files(bundle)
    assert bundle.manifest.format_version == FORMAT_VERSION
    assert dict(bundle.manifest.recipe.options) == OPTIONS[target]
    assert bundle.manifest.recipe.vocabulary_size is None
    parity = verify(Check(bundle, str(FIXTURE / "checkpoint"))).parity
    assert parity.verdict is Verdict.PASS, parity.failures


@pytest.mark.parametrize("target", OPTIONS)
def test_its_files_are_made_again_byte_for_byte(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`verify --strict`, but for the bill of materials and the libraries' versions, which may have moved on since."""
    folder = FIXTURE / f"{target}-none"
    code = main(["verify", str(folder), "--checkpoint", str(FIXTURE / "checkpoint"), "--strict"])
    said = capsys.readouterr().err
    assert code == 0 or ("are not what this bertport makes" in said and " here, " in said), said


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"opset": 21}, "its seal does not fit"),
        ({"colour": "red"}, "not a manifest"),
        ({"compute_units": "all"}, "not a manifest"),
    ],
)
def test_a_changed_one_is_refused(tmp_path: Path, change: dict[str, object], why: str) -> None:
    folder = shutil.copytree(FIXTURE / "onnx-none", tmp_path / "changed")
    content = json.loads((folder / MANIFEST).read_text())
    content["recipe"].update(change)
    (folder / MANIFEST).write_text(json.dumps(content, indent=2) + "\n")
    with pytest.raises(BundleError, match=why):
        check_files(read_bundle(folder))


def test_a_column_of_another_target_is_no_manifest_of_format_1() -> None:
    raw = json.loads((FIXTURE / "onnx-none" / MANIFEST).read_text())
    assert upgraded(raw)["recipe"]["options"] == OPTIONS["onnx"]
    raw["recipe"]["deployment_target"] = "iOS17"
    with pytest.raises(TypeError, match="deployment_target: not of target onnx"):
        upgraded(raw)
