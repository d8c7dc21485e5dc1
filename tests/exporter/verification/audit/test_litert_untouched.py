"""An untouched LiteRT bundle passes its audit, whatever its scheme, task, family and settings; it is read whole."""

import functools
import shutil
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from benchmarks.faults.litert_faults import every_fault
from benchmarks.faults.litert_file import Spoilt
from benchmarks.models.seeded import KINDS, WITH_LAYERS
from exporter.checkpoint.vocabulary_trimming import trim_checkpoint
from exporter.compression import outlier_channels
from exporter.compression.outlier_channels import LEAST_WIDTH, Form
from exporter.compression.product_quantization import DIMENSIONS
from exporter.model.weight_list import rounded_weights
from exporter.targets.registry import TARGETS
from exporter.verification.audit.bundle import audit_bundle
from runtimes.tflite.reading import read_model

FILE = "model.tflite"
ALL = tuple(TARGETS["litert"].schemes)
QUICK = "int8"
CASES = [
    pytest.param(family, task, scheme, marks=() if scheme == QUICK else pytest.mark.slow)
    for family, task in KINDS
    for scheme in ALL
    if not (TARGETS["litert"].schemes[scheme].codes and task == "fill-mask")
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
def test_every_family_and_task_passes(of_family, save_litert, tmp_path, family, task, scheme):
    audited = save_litert(of_family(family, task), tmp_path / "saved", scheme)
    audit = passes(audited)
    model = read_model(audited.bundle.directory / FILE)
    assert audit.operators == len(model.subgraphs[0].nodes)
    words = len(of_family(family, task).model.tensors["embeddings.word"].read())
    assert audit.rows >= words + (family in WITH_LAYERS)  # a table has no rows but its words'


@pytest.mark.parametrize("scheme", ALL)
def test_every_scheme_passes_with_all_its_weights(of_family, save_litert, save_onnx, tmp_path, scheme):
    """As many as ONNX's audit counts, which is another's lowering of the same."""
    tokens = of_family("bert", "token-classification")
    audit = passes(save_litert(tokens, tmp_path / "saved", scheme))
    assert audit.weights == passes(save_onnx(tokens, tmp_path / "onnx", scheme)).weights


@pytest.mark.parametrize("scheme", ALL)
def test_graphs_of_several_lengths_pass_and_count_their_weights_once(small, save_litert, tmp_path, scheme):
    audit = passes(save_litert(small, tmp_path / "saved", scheme, sequence_lengths=(13, 24)))
    one = passes(save_litert(small, tmp_path / "one", scheme, sequence_lengths=(24,)))
    assert (audit.weights, audit.rows, audit.operators) == (one.weights, one.rows, 2 * one.operators)


@pytest.mark.parametrize("scheme", [scheme for scheme in ALL if not TARGETS["litert"].schemes[scheme].codes])
def test_a_table_that_is_multiplied_with_passes(of_family, save_litert, tmp_path, scheme):
    passes(save_litert(of_family("bert", "fill-mask"), tmp_path / "saved", scheme))


@pytest.mark.parametrize("scheme", ["int8", "int4-embeddings", "pq4"])
def test_weights_that_are_kept_pass(small, save_litert, tmp_path, scheme):
    passes(save_litert(small, tmp_path / "saved", scheme, keep=("layer.0.*=int8", "layer.1.*", "*.position.*")))


@pytest.mark.parametrize("scheme", ["pq", "pq4"])
@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_every_size_of_codes_passes(small, save_litert, tmp_path, scheme, dimensions):
    passes(save_litert(small, tmp_path / "saved", scheme, pq_dims=dimensions))


@pytest.mark.parametrize("scheme", ["int8", "int4-embeddings", "pq", "pq4"])
def test_a_trimmed_vocabulary_passes_against_its_own_recipe(small, save_litert, tmp_path, scheme):
    kept = np.flatnonzero(np.arange(small.geometry.vocabulary) % 3 != 1)
    special = list(small.tokenizer.tokenizer.get_added_tokens_decoder())
    trimmed = trim_checkpoint(small, np.union1d(kept, special))
    audited = save_litert(trimmed, tmp_path / "saved", scheme)
    passes(audited)
    assert audit_bundle(replace(audited, checkpoint=small)).findings


def test_a_bundle_for_mediapipe_passes_and_no_other_model_does(of_family, save_litert, tmp_path):
    checkpoint = of_family("bert", "text-classification")
    audited = save_litert(checkpoint, tmp_path / "saved", "int8", mediapipe=True, sequence_lengths=(13,))
    passes(audited)
    plain = save_litert(checkpoint, tmp_path / "plain", "int8", sequence_lengths=(13,))
    shutil.copy(plain.bundle.directory / FILE, audited.bundle.directory / FILE)
    named = [finding.subject for finding in audit_bundle(audited).findings]
    assert {"metadata TFLITE_METADATA", "outputs", "score"} <= set(named)


@pytest.mark.parametrize("how", ["a byte of them", "left out"])
def test_metadata_that_are_others_are_found(of_family, save_litert, tmp_path, how):
    checkpoint = of_family("bert", "text-classification")
    audited = save_litert(checkpoint, tmp_path / "saved", "int8", mediapipe=True, sequence_lengths=(13,))
    name = f"metadata TFLITE_METADATA: {how}"
    (fault,) = (one for one in every_fault(audited.bundle.directory, 0) if one.name == name)
    fault.plant(audited.bundle.directory)
    assert "metadata TFLITE_METADATA" in [finding.subject for finding in audit_bundle(audited).findings]


def test_tiny_rows_pass_whose_scales_float16_has_few_numbers_for(
    write_checkpoint, load_checkpoint, save_litert, tmp_path
):
    folder = write_checkpoint(tmp_path / "tiny")
    tensors = load_file(folder / "model.safetensors")
    words = next(values for name, values in tensors.items() if name.endswith("word_embeddings.weight"))
    words *= np.exp2(-(np.arange(len(words), dtype=np.float32) % 40))[:, None]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for scheme in ("int8", "int4-embeddings"):
        passes(save_litert(load_checkpoint(folder), tmp_path / scheme, scheme))


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


@pytest.fixture
def smoothed(wide, save_litert, tmp_path, texts, monkeypatch):
    """Of a scheme a bundle whose layers are smoothed, whether that is the best form for them or not."""

    def get(scheme, **settings):
        errors = {one: float(one is not Form.SMOOTHED) for one in Form}
        monkeypatch.setattr(outlier_channels, "_errors", lambda *_: errors)
        return save_litert(wide, tmp_path / "smoothed", scheme, texts, **settings)

    return get


@pytest.mark.parametrize("scheme", ["int8", "pq", "pq4"])
@pytest.mark.parametrize("lengths", [(), (13, 24)])
def test_smoothed_layers_pass_and_are_read(smoothed, wide, scheme, lengths):
    audited = smoothed(scheme, sequence_lengths=lengths)
    assert any(name.endswith(".smoothing") for name in Spoilt(audited.bundle.directory).constants())
    passes(audited)
    found, name = TARGETS["litert"].read(audited), "layer.0.intermediate.dense.weight"
    (weight,) = [one.values for one in rounded_weights(wide.model) if one.name == name]
    share = {"pq4": 1.0}.get(scheme, 0.25)  # of 15 levels, with a factor beside it, little is left
    assert np.square(found[name] - weight).mean() < share**2 * np.square(weight).mean()
    none = replace(audited.recipe, options={**audited.recipe.options, "smoothed": False})
    manifest = replace(audited.bundle.manifest, recipe=none)
    assert audit_bundle(replace(audited, bundle=replace(audited.bundle, manifest=manifest))).findings


def smoothing_of(model):
    """The name of a vector of shares, which has some that are not 1."""
    return next(name for name in model.constants() if name.endswith(".smoothing") and (model.read(name) < 1).any())


@pytest.mark.parametrize("share", [1 / 3, 1 / 128, 0.0, -0.25, np.nan, np.inf, 2.0])
def test_a_factor_that_no_export_chooses_is_found(smoothed, share):
    audited = smoothed("int8")
    model = Spoilt(audited.bundle.directory)
    name = smoothing_of(model)
    values = model.read(name)
    values[values.argmin()] = share
    model.write(name, values)
    model.save()
    assert name in {finding.subject for finding in audit_bundle(audited).findings}


def test_another_factor_than_the_weight_has_is_found(smoothed):
    audited = smoothed("int8")
    model = Spoilt(audited.bundle.directory)
    values = model.read(smoothing_of(model))
    values[values.argmin()] = 1
    model.write(smoothing_of(model), values)
    model.save()
    assert any(".smoothed" in finding.subject for finding in audit_bundle(audited).findings)


@pytest.mark.parametrize("scheme", ["int8", "int8-weights", "pq", "pq4"])
@pytest.mark.parametrize("family", ["bert", "roberta", "mobilebert"])
def test_every_weight_is_read_under_our_name(of_family, save_litert, tmp_path, scheme, family):
    """As near to the float weights as the scheme rounds them, the parts of grouped layers as one weight."""
    checkpoint = of_family(family, "text-classification")
    read = TARGETS["litert"].read(save_litert(checkpoint, tmp_path / "saved", scheme))
    for weight in rounded_weights(checkpoint.model):
        found = read[weight.name]
        assert found.shape == weight.values.shape
        most = 0.25 if scheme == "pq4" else 0.02
        if "embeddings.word" not in weight.name or scheme.startswith("int8"):
            assert np.square(found - weight.values).mean() <= most**2 * np.square(weight.values).mean()


def swap_independent(model):
    """Two operators of which neither reads the other: query and key."""
    nodes = model.graph.operators
    at, other = (nodes.index(model.node(f"layer.0.attention.{part}")) for part in ("query", "key"))
    nodes[at], nodes[other] = nodes[other], nodes[at]


def renumber_buffers(model):
    """The last two buffers trade places."""
    last = len(model.model.buffers) - 1
    model.model.buffers[last - 1 :] = model.model.buffers[last:] + model.model.buffers[last - 1 : last]
    for one in model.tensors():
        one.buffer = {last: last - 1, last - 1: last}.get(one.buffer, one.buffer)


@pytest.mark.parametrize(
    "change",
    [
        lambda _model: None,
        lambda model: setattr(model.model, "description", "bertport 99.0"),
        swap_independent,
        renumber_buffers,
    ],
)
def test_what_changes_nothing_is_free(small, save_litert, tmp_path, change):
    audited = save_litert(small, tmp_path / "saved", "int8", sequence_lengths=(13, 24))
    model = Spoilt(audited.bundle.directory)
    change(model)
    model.save()
    passes(audited)


@pytest.mark.parametrize(
    "content", [b"", b"TFL3", b"\x08\0\0\0TFL3", b"\x08\0\0\0TFL3" + b"\xff" * 64, b"[1]", b"\0" * 99]
)
def test_what_is_no_model_is_a_finding(small, save_litert, tmp_path, content):
    audited = save_litert(small, tmp_path / "saved", "none")
    (audited.bundle.directory / FILE).write_bytes(content)
    assert [one.subject for one in audit_bundle(audited).findings] == ["file"]
    (audited.bundle.directory / FILE).unlink()
    assert [one.subject for one in audit_bundle(audited).findings] == ["file"]


def test_a_model_that_is_cut_off_is_a_finding(small, save_litert, tmp_path):
    audited = save_litert(small, tmp_path / "saved", "none")
    content = (audited.bundle.directory / FILE).read_bytes()
    for size in (len(content) // 3, len(content) - 1):
        (audited.bundle.directory / FILE).write_bytes(content[:size])
        assert [one.subject for one in audit_bundle(audited).findings] == ["file"]
