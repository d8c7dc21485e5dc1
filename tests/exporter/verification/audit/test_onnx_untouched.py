"""An untouched ONNX bundle passes its audit, whatever the scheme, task, family and setting; and is read as a whole."""

import functools
from dataclasses import replace

import numpy as np
import onnx
import pytest
from safetensors.numpy import load_file, save_file

from benchmarks.faults.onnx_file import Spoilt
from benchmarks.models.seeded import KINDS, WITH_LAYERS
from exporter.checkpoint.vocabulary_trimming import trim_checkpoint
from exporter.compression import outlier_channels
from exporter.compression.outlier_channels import LEAST_WIDTH, Form
from exporter.compression.product_quantization import DIMENSIONS
from exporter.model.weight_list import rounded_weights
from exporter.targets.onnx.audit.file import open_model
from exporter.targets.onnx.ops import OPSETS
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle

ALL = tuple(TARGETS["onnx"].schemes)
QUICK = "int8"
CASES = [
    pytest.param(family, task, scheme, marks=() if scheme == QUICK else pytest.mark.slow)
    for family, task in KINDS
    for scheme in ALL
    if not (TARGETS["onnx"].schemes[scheme].codes and task == "fill-mask")
]


def passes(audited):
    audit = audit_bundle(audited)
    assert not audit.findings, "\n".join(map(str, audit.findings[:9]))
    return audit


@pytest.fixture(scope="module")
def small(checkpoint, load_checkpoint):
    return load_checkpoint(checkpoint)


@pytest.fixture(scope="module")
def of_family(load_checkpoint, checkpoint_of):
    return functools.cache(lambda family, task: load_checkpoint(checkpoint_of(family, task)))


@pytest.mark.parametrize(("family", "task", "scheme"), CASES)
def test_every_family_and_task_passes(of_family, save_onnx, tmp_path, family, task, scheme):
    audited = save_onnx(of_family(family, task), tmp_path / "saved", scheme)
    audit = passes(audited)
    model = onnx.load(audited.bundle.directory / "model.onnx")
    assert audit.operators == len(model.graph.node)
    words = len(of_family(family, task).model.tensors["embeddings.word"].read())
    assert audit.rows >= words + (family in WITH_LAYERS)  # a table has no rows but its words'


@pytest.mark.parametrize("scheme", ALL)
def test_every_scheme_passes(small, save_onnx, tmp_path, scheme):
    passes(save_onnx(small, tmp_path / "saved", scheme))


@pytest.mark.parametrize(
    "settings",
    [
        *({"opset": opset} for opset in (OPSETS[0], OPSETS[-1])),
        {"int32_inputs": True},
        {"keep": ("layer.0.*=int8", "embeddings.*")},
    ],
)
def test_every_setting_passes(small, save_onnx, tmp_path, settings):
    passes(save_onnx(small, tmp_path / "saved", "int4-embeddings", **settings))


@pytest.mark.parametrize("scheme", ["pq", "pq4"])
@pytest.mark.parametrize(
    "settings", [*({"pq_dims": dimensions} for dimensions in DIMENSIONS), {"keep": ("layer.0.*=int8", "*.position.*")}]
)
def test_every_setting_of_codes_passes(small, save_onnx, tmp_path, scheme, settings):
    passes(save_onnx(small, tmp_path / "saved", scheme, **settings))


@pytest.mark.parametrize("scheme", ["int8", "pq", "pq4"])
def test_a_trimmed_vocabulary_passes_against_its_own_recipe(small, save_onnx, tmp_path, scheme):
    kept = np.flatnonzero(np.arange(small.geometry.vocabulary) % 3 != 1)
    special = list(small.tokenizer.tokenizer.get_added_tokens_decoder())
    trimmed = trim_checkpoint(small, np.union1d(kept, special))
    audited = save_onnx(trimmed, tmp_path / "saved", scheme)
    passes(audited)
    assert audit_bundle(replace(audited, checkpoint=small)).findings


@pytest.fixture(scope="module")
def wide(write_checkpoint, tmp_path_factory, load_checkpoint):
    """A model so wide that outlier channels are looked for, and with some."""
    folder = write_checkpoint(
        tmp_path_factory.mktemp("wide") / "wide", hidden_size=LEAST_WIDTH, intermediate_size=LEAST_WIDTH
    )

    tensors = load_file(folder / "model.safetensors")
    for name, values in tensors.items():
        if name.endswith("LayerNorm.weight"):
            values[[3, 77, 200]] *= 30
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return load_checkpoint(folder)


def prefer(form, monkeypatch):
    """Of the forms in which outliers are treated, let that one be the best."""
    errors = {one: float(one is not form) for one in Form}
    monkeypatch.setattr(outlier_channels, "_errors", lambda *_: errors)


@pytest.mark.parametrize("scheme", ["int8", "pq", "pq4"])
@pytest.mark.parametrize("form", [Form.SMOOTHED, Form.FLOATS])
def test_treated_outliers_pass_and_are_read(wide, save_onnx, tmp_path, texts, scheme, form, monkeypatch):
    prefer(form, monkeypatch)
    audited = save_onnx(wide, tmp_path / "saved", scheme, texts)
    suffix = {Form.SMOOTHED: ".smoothing", Form.FLOATS: ".is_far"}[form]
    assert any(name.endswith(suffix) for name in open_model(audited.bundle.directory / "model.onnx").tensors)
    passes(audited)
    found, name = TARGETS["onnx"].read(audited), "layer.0.intermediate.dense.weight"
    (weight,) = [one.values for one in rounded_weights(wide.model) if one.name == name]
    share = {"pq4": 1.0}.get(scheme, 0.25)  # of 15 levels, with a factor of 32 beside it, little is left
    assert np.square(found[name] - weight).mean() < share**2 * np.square(weight).mean()
    none = replace(audited.recipe, options={**audited.recipe.options, "float_channels": None})
    manifest = replace(audited.bundle.manifest, recipe=none)
    assert audit_bundle(replace(audited, bundle=replace(audited.bundle, manifest=manifest))).findings


@pytest.mark.parametrize("share", [1 / 3, 1 / 128, 0.0, -0.25, np.nan, np.inf, 2.0])
def test_a_factor_that_no_export_chooses_is_found(wide, save_onnx, tmp_path, texts, share, monkeypatch):
    prefer(Form.SMOOTHED, monkeypatch)
    audited = save_onnx(wide, tmp_path / "saved", "int8", texts)
    spoilt = Spoilt(audited.bundle.directory)
    name = next(tensor.name for tensor in spoilt.graph.initializer if tensor.name.endswith(".smoothing"))
    values = spoilt.read(name)
    assert 0.5 in values or 0.25 in values
    values[values.argmin()] = share
    spoilt.write(name, values)
    spoilt.save()
    assert name in {finding.subject for finding in audit_bundle(audited).findings}


def test_another_factor_than_the_weight_has_is_found(wide, save_onnx, tmp_path, texts, monkeypatch):
    prefer(Form.SMOOTHED, monkeypatch)
    audited = save_onnx(wide, tmp_path / "saved", "int8", texts)
    spoilt = Spoilt(audited.bundle.directory)
    name = next(tensor.name for tensor in spoilt.graph.initializer if tensor.name.endswith(".smoothing"))
    values = spoilt.read(name)
    values[values.argmin()] = 1
    spoilt.write(name, values)
    spoilt.save()
    assert any(".smoothed" in finding.subject for finding in audit_bundle(audited).findings)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: setattr(model, "producer_version", "9.9"),
        lambda model: setattr(model, "ir_version", 10),
        lambda model: setattr(model, "doc_string", "a model"),
        lambda model: setattr(model.graph, "doc_string", "a graph"),
        lambda model: [setattr(node, "doc_string", "an operator") for node in model.graph.node],
        lambda model: setattr(model.opset_import[0], "domain", "ai.onnx"),
    ],
)
def test_what_says_which_program_wrote_the_file_is_free(small, save_onnx, tmp_path, change):
    audited = save_onnx(small, tmp_path / "saved", "none")
    model = onnx.load(audited.bundle.directory / "model.onnx")
    change(model)
    onnx.save(model, audited.bundle.directory / "model.onnx")
    passes(audited)


@pytest.mark.parametrize("content", [b"", b"\x3a", b"\x3a\xff\xff\xff\xff\x7f", b"\x0b", b"\x80" * 20, b"[1]", b"\x00"])
def test_what_is_no_model_is_a_finding(small, save_onnx, tmp_path, content):
    audited = save_onnx(small, tmp_path / "saved", "none")
    (audited.bundle.directory / "model.onnx").write_bytes(content)
    assert audit_bundle(audited).findings
    (audited.bundle.directory / "model.onnx").unlink()
    assert [one.subject for one in audit_bundle(audited).findings] == ["file"]
