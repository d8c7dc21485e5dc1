"""What a forger can seal again does not pass: `verify` believes the checkpoint, not the bundle."""

import shutil
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from exporter.bundling.staging import write_manifest
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.budgets import tighter
from exporter.verification.check import Check
from exporter.verification.origin import find_checkpoint
from runtimes.bundle.manifest import MANIFEST, Budget
from runtimes.bundle.reading import hash_files, read_bundle
from runtimes.errors import BundleError


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    place = tmp_path_factory.mktemp("forged")
    export(Request("demo", schemes=("int8",), destination=place / "made", verify=False))
    return place / "made"


@pytest.fixture
def made(honest, tmp_path):
    return shutil.copytree(honest, tmp_path / "made")


def forge(folder, **changes):
    manifest = replace(read_bundle(folder).manifest, **changes)
    write_manifest(folder, replace(manifest, files=hash_files(folder)))


@pytest.mark.parametrize("change", ["labels", "problem", "architecture", "max_tokens"])
def test_what_the_manifest_copies_is_held_to_the_checkpoint(made, change):
    forged = {"labels": ("a", "b", "c", "d"), "problem": "regression", "architecture": "BertModel", "max_tokens": 7}
    find_checkpoint(Check(read_bundle(made)))
    forge(made, **{change: forged[change]})
    with pytest.raises(BundleError, match=f"bertport.json: {change} are not the checkpoint's"):
        find_checkpoint(Check(read_bundle(made)))


def test_outputs_left_out_are_missed(made):
    forge(made, outputs=())
    with pytest.raises(BundleError, match="outputs are not"):
        find_checkpoint(Check(read_bundle(made)))


def test_a_source_that_is_not_stated_is_missed(made):
    forge(made, source_sha256={})
    with pytest.raises(BundleError, match=r"config\.json.*differ"):
        find_checkpoint(Check(read_bundle(made)))


@pytest.mark.parametrize("models", [(), ("../model.onnx",), ("/etc/passwd",), ("a\nb",)])
def test_models_elsewhere_are_refused(made, models):
    forge(made, models=models)
    with pytest.raises(BundleError, match="inside the bundle") as error:
        find_checkpoint(Check(read_bundle(made)))
    assert str(error.value).isprintable()


def test_a_link_in_a_bundle_is_refused(made):
    (made / "vocab.txt").rename(made.parent / "outside")
    (made / "vocab.txt").symlink_to(made.parent / "outside")
    with pytest.raises(BundleError, match=r"neither a plain file nor a folder: vocab\.txt"):
        find_checkpoint(Check(read_bundle(made)))


def test_a_second_file_with_other_weights_is_refused(made, capsys):
    variant = made / "model.mapped.onnx"
    model = onnx.load_model(variant, load_external_data=False)
    small = next(one for one in model.graph.initializer if one.name.startswith("classifier") and one.raw_data)
    small.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(small) + np.ones((), small_type(small)), small.name))
    variant.write_bytes(model.SerializeToString())
    forge(made)
    assert main(["verify", str(made)]) == 3
    assert "not the graph of model.onnx" in capsys.readouterr().err


def small_type(tensor):
    return numpy_helper.to_array(tensor).dtype


def test_a_budget_is_never_wider_than_the_schemes(made, capsys):
    """The first classifier weights are spoilt; the forged budget would allow anything."""
    model = onnx.load_model(made / "model.onnx")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 1:
            tensor.CopyFrom(numpy_helper.from_array(values * np.float32(1.5), tensor.name))
    (made / "model.onnx").write_bytes(model.SerializeToString())
    (made / "model.mapped.onnx").unlink()
    forge(made, budget=Budget(max_relative=1e9, min_agreement=0.0))
    assert main(["verify", str(made)]) == 1
    assert "parity failed" in capsys.readouterr().err


def test_the_tighter_of_two_budgets():
    one, other = (
        Budget(max_absolute=1.0, min_agreement=0.5),
        Budget(max_relative=0.1, min_agreement=0.9, min_cosine=0.8),
    )
    assert tighter(one, other) == Budget(1.0, 0.1, 0.9, 0.8)
    assert tighter(one, Budget(max_absolute=0.5)).max_absolute == 0.5


def test_a_manifest_that_is_a_pipe_or_endless_is_refused(made):
    (made / MANIFEST).unlink()
    (made / MANIFEST).symlink_to("/dev/zero")
    with pytest.raises(Exception, match="not a bundle"):
        read_bundle(made)
