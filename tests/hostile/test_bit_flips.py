"""One bit turned anywhere in a bundle is seen. `make fuzz` turns one of every byte of four bundles."""

import json

import pytest

from benchmarks.fuzz.flips import flip_all
from benchmarks.fuzz.seeds import write_checkpoint
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BundleError
from runtimes.files.json_text import to_json


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    place = tmp_path_factory.mktemp("flips")
    checkpoint = write_checkpoint(place / "checkpoint")
    for target in ("onnx", "coreml", "litert"):
        export(Request(str(checkpoint), (target,), destination=place / target, verify=False))
    return place


@pytest.mark.parametrize("target", ["onnx", "coreml", "litert"])
def test_a_turned_bit_is_refused(bundles, target):
    flips, passed = flip_all(bundles / target, seed=1, step=97)
    assert flips > 200
    assert not passed


def test_every_byte_of_the_manifest_counts(bundles):
    (place := bundles / "onnx" / "alone").mkdir(exist_ok=True)
    manifest = bundles / "onnx" / MANIFEST
    (place / MANIFEST).write_bytes(manifest.read_bytes())
    flips, passed = flip_all(place, seed=2)
    assert flips == len(manifest.read_bytes())
    assert not passed
    (place / MANIFEST).unlink()
    place.rmdir()


def test_the_control_a_manifest_without_a_seal_would_take_a_turned_bit(bundles, tmp_path, monkeypatch):
    raw = json.loads((bundles / "onnx" / MANIFEST).read_bytes())
    raw["labels"][0] = "Worle"
    (bundles / "onnx" / "kept").write_bytes((bundles / "onnx" / MANIFEST).read_bytes())
    try:
        (bundles / "onnx" / MANIFEST).write_bytes(to_json(raw))
        found = read_bundle(bundles / "onnx")
        assert found.manifest.labels[0] == "Worle"
        with pytest.raises(BundleError, match="seal"):
            check_files(found)
    finally:
        (bundles / "onnx" / "kept").replace(bundles / "onnx" / MANIFEST)
    check_files(read_bundle(bundles / "onnx"))
