"""What the Core AI target refuses, says and shows: options, its extra, metadata, loading text, inspection."""

import importlib.metadata
import json
import shutil

import pytest

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import DEMO_DIRECTORY, HubOptions, resolve
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.coreai.target import TARGET
from exporter.targets.registry import make_recipe
from exporter.targets.target import Settings
from exporter.verification.inspection import inspect
from runtimes.aimodel.names import ASSET, HASH, METADATA, PROGRAM
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError, LoweringError, RuntimeUnavailable, UsageError


@pytest.fixture(scope="module")
def small(checkpoint):
    return load(resolve(str(checkpoint), HubOptions()))


def recipe(checkpoint, scheme="none", **settings):
    return make_recipe(checkpoint, "coreai", scheme, Settings.of(**settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"sequence_lengths": (49,)},
            "coreai: sequence length 49 exceeds the checkpoint's 48 positions; pass --sequence-length 48 or less",
        ),
        ({"sequence_lengths": (0,)}, "coreai: sequence length 0 is below 1; pass --sequence-length 128"),
        ({"sequence_lengths": (8, 8)}, "coreai: expected different sequence lengths, found 8, 8; name each once"),
        (
            {"compute_units": "gpu"},
            "--compute-units gpu: unknown to coreai; it has all, cpu-and-ne, cpu-and-gpu, cpu-only",
        ),
    ],
)
def test_options_that_cannot_be_are_refused(small, settings, said):
    with pytest.raises(UsageError) as error:
        recipe(small, **settings)
    assert str(error.value) == said


def test_schemes_that_it_has_not_are_refused(small):
    with pytest.raises(UsageError, match="w8a8: unknown to coreai; it has none, fp16, int8, int4-embeddings, int4, pq"):
        recipe(small, "w8a8")


def test_the_length_is_that_of_the_checkpoint_where_nothing_is_said(small):
    assert recipe(small).sequence_lengths == (48,)


def test_without_its_extra_it_says_how_to_get_it(small, monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda _name: None)
    with pytest.raises(RuntimeUnavailable) as error:
        recipe(small)
    assert str(error.value) == "--target coreai: coreai is not installed: pip install 'bertport[coreai]'"


def test_where_there_is_no_wheel_it_says_where_there_is(small, monkeypatch):
    monkeypatch.setattr("runtimes.extras.find_spec", lambda _name: None)
    monkeypatch.setattr("platform.system", lambda: "Windows")
    with pytest.raises(RuntimeUnavailable, match="has wheels for Linux x86_64 and Darwin arm64 alone"):
        recipe(small)


def test_another_version_than_was_tried_is_refused(small, monkeypatch):
    monkeypatch.setattr("exporter.targets.coreai.requirements.version", lambda _name: "1.0.0b9")
    with pytest.raises(RuntimeUnavailable, match=r"expected coreai-core 1\.0\.0b3, found 1\.0\.0b9"):
        recipe(small)


def test_a_weight_beyond_float16_is_refused(make_checkpoint, edit_weights, tmp_path):
    folder = make_checkpoint()
    edit_weights(folder, lambda weights: weights["bert.encoder.layer.0.output.dense.weight"].__imul__(1e6))
    with pytest.raises(LoweringError, match=r"coreai: layer\.0\..*, beyond float16's 65504; pass --quantize none"):
        export(Request(str(folder), ("coreai",), ("fp16",), tmp_path / "out", verify=False))


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    """Compute units → a bundle of `int8`, of two lengths."""
    made = {}

    def get(units):
        if units not in made:
            place = tmp_path_factory.mktemp("exported") / units
            settings = Settings.of(sequence_lengths=(16, 8), compute_units=units)
            export(Request(str(checkpoint), ("coreai",), ("int8",), place, settings=settings, verify=False))
            made[units] = place
        return made[units]

    return get


def test_a_bundle_says_what_it_is(exported):
    place = exported("all")
    manifest, said = read_bundle(place).manifest, json.loads((place / ASSET / METADATA).read_bytes())
    assert sorted(path.name for path in (place / ASSET).iterdir()) == sorted((HASH, PROGRAM, METADATA))
    assert manifest.models == (ASSET,)
    assert manifest.versions["coreai-core"] == importlib.metadata.version("coreai-core")
    facts = said["creatorDefinedMetadata"]
    assert json.loads(facts["labels"]) == list(manifest.labels)
    assert json.loads(facts["sequence_lengths"]) == [16, 8]
    assert (facts["task"], facts["scheme"], facts["minimum_system"]) == ("text-classification", "int8", "27")
    assert said["description"].startswith("text-classification with ")
    assert list(said) == sorted(said)


def test_its_card_says_how_it_is_loaded(exported):
    card = (exported("all") / "README.md").read_text(encoding="utf-8")
    assert "try await AIModel(contentsOf: url)" in card
    assert 'loadFunction(named: "length_16")' in card
    assert "`length_16`, `length_8`" in card
    assert "no Apple device" in card


def test_inspection_tells_operators_functions_and_bytes(exported):
    found = inspect(exported("all"))
    assert found.facts["functions"] == "length_16, length_8"
    assert found.facts["function length_8"].endswith("→ logits float32 [1, 3]")
    assert "27" in found.facts["minimum system"]
    assert "int8 " in found.facts["bytes by type"]
    assert max(found.weights, key=lambda one: one[3]) == found.weights[0]
    assert any("conv2d" in name for name in found.operators)


def test_inspection_tells_what_the_neural_engines_rules_object_to(exported):
    """The rows layout has products of matrices; the channels layout has none, and both compute norms in float32."""
    rows, channels = (inspect(exported(units)) for units in ("cpu-only", "all"))
    assert [problem for _, problem in rows.findings if "inexact" in problem]
    assert not [problem for _, problem in channels.findings if "inexact" in problem]
    assert any("float32" in problem for _, problem in channels.findings)
    assert channels.facts["Neural Engine eligibility"].startswith(f"{len(channels.findings)} obstacles in ")


def test_without_apples_package_the_rest_is_told(exported, monkeypatch):
    place = exported("all")
    monkeypatch.setattr("runtimes.extras.find_spec", lambda _name: None)
    found = inspect(place)
    assert "coreai is not installed" in found.facts["Neural Engine eligibility"]
    assert found.operators


def test_a_damaged_asset_is_one_line(exported, tmp_path):
    copy = shutil.copytree(exported("all") / ASSET, tmp_path / ASSET)
    (copy / PROGRAM).write_bytes(b"ML\xefR")
    with pytest.raises(BundleError):
        inspect(copy)


@pytest.mark.parametrize(
    "scheme", [pytest.param(one, marks=() if one == "int4" else pytest.mark.slow) for one in TARGET.schemes]
)
def test_the_demo_is_no_larger_than_its_core_ml_package(scheme, tmp_path):
    """Within 3 %, at one length."""
    settings = Settings.of(sequence_lengths=(128,), deployment_target="iOS18")
    sizes = {}
    for target in ("coreai", "coreml"):
        place = tmp_path / target
        export(Request(str(DEMO_DIRECTORY), (target,), (scheme,), place, settings=settings, verify=False))
        sizes[target] = read_bundle(place).size_bytes
    assert sizes["coreai"] <= 1.03 * sizes["coreml"]
