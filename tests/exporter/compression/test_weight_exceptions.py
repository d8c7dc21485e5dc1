"""`--keep`: what it says, what it refuses; its effect on files is in the targets' tests and at the end here."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, resolve
from exporter.cli.main import main
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Role, Weight
from exporter.model.weight_list import rounded_weights
from exporter.targets.coreml.schemes import SCHEMES as COREML
from exporter.targets.encoding.forms import Form
from exporter.targets.encoding.storage import Storage, wider
from exporter.targets.onnx import ops as onnx_target
from exporter.targets.onnx.schemes import SCHEMES
from runtimes.bundle.reading import read_bundle
from runtimes.errors import UsageError


def test_the_first_pattern_that_matches_holds():
    keep = Keep(("layer.0.*=int8", "layer.*.dense.weight"))
    assert keep.form("layer.0.dense.weight") == "int8"
    assert keep.form("layer.1.dense.weight") == "float16"
    assert keep.form("embeddings.word.weight") is None


@pytest.mark.parametrize("wrong", ["", "=int8", "layer.*=int2", "a=b=float"])
def test_a_form_that_is_none_is_refused(wrong):
    with pytest.raises(UsageError, match="expected a pattern"):
        Keep((wrong,))


def test_kept_weights_are_never_smaller():
    for scheme in [one.storage for one in SCHEMES.values()]:
        for storage in scheme.values():
            assert wider(storage, None) is storage
            assert wider(storage, "float16") in (Storage.FLOAT16, Storage.FLOAT32)
            assert wider(storage, "int8") in (Storage.FLOAT16, Storage.FLOAT32, Storage.INT8)
    assert wider(Storage.FLOAT32, "int8") is Storage.FLOAT32


@pytest.fixture(scope="module")
def model(checkpoint):
    return load(resolve(str(checkpoint), HubOptions())).model


def test_the_list_of_weights_is_what_schemes_round(model):
    weights = rounded_weights(model)
    assert {"embeddings.word.weight", "embeddings.position.weight", "pooler.weight"} <= {w.name for w in weights}
    assert {w.role for w in weights} == {Role.WORD_EMBEDDING, Role.POSITION_EMBEDDING, Role.LINEAR, Role.TAIL}
    assert len({w.name for w in weights}) == len(weights)


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "none"])
def test_onnx_keeps_what_is_named_and_nothing_else(model, scheme):
    def types(keep):
        proto = onnx.load_from_string(onnx_target.lower(model, scheme, keep=keep))
        return {tensor.name: tensor.data_type for tensor in proto.graph.initializer}

    plain, kept = types(Keep()), types(Keep(("layer.0.dense.weight", "embeddings.word.weight=int8")))
    assert kept["layer.0.dense.weight.float16"] == onnx.TensorProto.FLOAT16
    word = "float16" if scheme == "fp16" else "int8"
    assert f"embeddings.word.weight.{word}" in kept
    touched = ("layer.0.dense.weight", "embeddings.word")  # of int4 the helpers go too
    ours = {name: kind for name, kind in kept.items() if not name.startswith(touched)}
    theirs = {name: kind for name, kind in plain.items() if not name.startswith(touched)}
    assert ours.items() <= theirs.items()
    assert set(theirs) - set(ours) <= {"nibble", "four", "eight", "axis_last"}


def test_all_kept_is_float16(model):
    kept, half = (onnx_target.lower(model, *arguments) for arguments in (("int8", 20, False, Keep(("*",))), ("fp16",)))
    assert len(kept) == len(half)


def named(name, role):
    return Weight(name, np.zeros((1, 1), np.float32), role)


def test_core_ml_keeps_what_is_named():
    scheme = COREML["palettize4"]
    kept = replace(scheme, keep=Keep(("layer.0.*", "embeddings.word.weight=int8")))
    assert kept.stored(named("layer.0.dense.weight", Role.LINEAR)) is Form.PLAIN
    assert kept.stored(named("embeddings.word.weight", Role.WORD_EMBEDDING)) is Form.INT8
    assert kept.stored(named("layer.1.dense.weight", Role.LINEAR)) is Form.PALETTE_4
    assert replace(COREML["fp16"], keep=Keep(("*=int8",))).stored(named("x", Role.LINEAR)) is Form.PLAIN


@pytest.mark.parametrize("scheme", ["palettize4", "int4", "w8a8"])
def test_a_core_ml_package_with_kept_weights_is_nearer(checkpoint, tmp_path, texts_file, scheme, capsys):
    arguments = ["export", str(checkpoint), "--target", "coreml", "--quantize", scheme, "--deployment-target", "iOS18"]
    arguments += ["--sequence-length", "32", "--texts", str(texts_file), "--keep-failing", "--json"]
    found = []
    for number, keep in enumerate([[], ["--keep", "embeddings.*", "--keep", "layer.0.*=int8"]]):
        main([*arguments, *keep, "-o", str(tmp_path / str(number))])
        found.append(json.loads(capsys.readouterr().out)[0])
    assert found[1]["size_bytes"] > found[0]["size_bytes"]
    assert found[1]["parity"]["mean_absolute"] < found[0]["parity"]["mean_absolute"]
    assert read_bundle(tmp_path / "1").manifest.recipe.keep == ("embeddings.*", "layer.0.*=int8")


def test_a_pattern_without_a_weight_is_a_mistake(checkpoint, tmp_path, capsys):
    arguments = ["export", str(checkpoint), "-o", str(tmp_path / "out"), "--quantize", "int8", "--keep", "encoder.*"]
    assert main(arguments) == 2
    assert "matches no weight; those that schemes round are embeddings.word.weight" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "scheme", [name for name, one in COREML.items() if one.form(Role.WORD_EMBEDDING) is not Form.PLAIN]
)
def test_core_ml_keeps_the_word_table_under_every_scheme(checkpoint, tmp_path, scheme):
    """As many bytes as it has numbers, at least, in the forms that FORMS names."""
    table = load(resolve(str(checkpoint), HubOptions())).model.tensors["embeddings.word"]
    numbers, found = table.shape[0] * table.shape[1], {}
    arguments = ["export", str(checkpoint), "--target", "coreml", "--quantize", scheme, "--deployment-target", "iOS18"]
    for form in ("", "int8", "float16"):
        keep = ["--keep", f"embeddings.word.*={form}"] if form else []
        assert main([*arguments, "--no-verify", *keep, "-o", str(tmp_path / form / "out")]) == 0
        found[form] = (
            (tmp_path / form / "out" / "Model.mlpackage/Data/com.apple.CoreML/weights/weight.bin").stat().st_size
        )
    assert found["float16"] - found["int8"] >= 0.7 * numbers
    whole = scheme in ("int8", "w8a8")
    assert (found["int8"] == found[""]) == whole


@pytest.mark.parametrize("option", ["--frequency-from", "--finetune-codes"])
def test_what_codes_are_made_by_needs_codes(checkpoint, texts_file, tmp_path, option, capsys):
    arguments = ["export", str(checkpoint), "-o", str(tmp_path / "out"), "--quantize", "pq", option, str(texts_file)]
    assert main([*arguments, "--keep", "embeddings.word.*"]) == 2
    assert f"{option}: --keep leaves embeddings.word.weight without codes" in capsys.readouterr().err


def test_a_kept_word_table_need_not_divide_into_codes(make_checkpoint, tmp_path):
    folder = make_checkpoint(hidden_size=30)
    arguments = ["export", str(folder), "--quantize", "pq", "--no-verify", "-o", str(tmp_path / "out")]
    assert main(arguments) == 3
    assert main([*arguments, "--keep", "embeddings.word.*=int8"]) == 0
    assert read_bundle(tmp_path / "out").manifest.recipe.pq_dims is None


@pytest.mark.parametrize("target", ["onnx", "coreml"])
def test_a_kept_word_table_passes_its_audit(checkpoint, texts_file, tmp_path, target, capsys):
    arguments = ["export", str(checkpoint), "--target", target, "--quantize", "pq", "--texts", str(texts_file)]
    own = ["--deployment-target", "iOS17", "--sequence-length", "24"] if target == "coreml" else []
    arguments += [*own, "-o", str(tmp_path / "out")]
    main([*arguments, "--keep", "embeddings.word.*=int8", "--keep-failing", "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert found["parity"]["coverage"]["audited_weights"] > 0
    assert not [text for text in found["parity"]["failures"] if text.startswith("audit")]
