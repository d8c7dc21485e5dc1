"""Core ML bundles through the whole pipeline: written, simulated, compared, verified, explained, inspected."""

import functools
import json
import subprocess
import sys
from dataclasses import replace
from shutil import copytree

import numpy as np
import pytest

from exporter.bundling.staging import write_manifest
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.coreml import attention as coreml_attention
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.inspection import inspect
from exporter.verification.verify import verify
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import hash_files, read_bundle
from runtimes.errors import BundleError, LoweringError, UsageError
from runtimes.parity.compare import Verdict
from tests.covering import cover, marked

IOS18 = Settings(options={"sequence_lengths": (24,), "deployment_target": "iOS18"})


def request(checkpoint, place, texts, *schemes, **changes):
    settings = {"schemes": schemes or ("none",), "settings": IOS18, "texts": texts, "keep_failing": True, **changes}
    return Request(str(checkpoint), targets=("coreml",), destination=place, **settings)


CASES = [(units, scheme) for units in ("all", "cpu-and-gpu") for scheme in TARGETS["coreml"].schemes]
FLOATS = [(units, scheme) for units, scheme in CASES if scheme in ("none", "fp16")]
QUICK = {*cover(CASES, [(0,), (1,)]), *FLOATS}
"""Every scheme; test_families.py compares each in both layouts."""


@pytest.fixture(scope="module")
def bundles(checkpoint, texts, tmp_path_factory):
    """(units, scheme) → its bundle in rows or channels, made once."""

    @functools.cache
    def get(units, scheme):
        place = tmp_path_factory.mktemp(f"{units}-{scheme}") / "bundle"
        settings = Settings({**IOS18.options, "compute_units": units})
        (done,) = export(request(checkpoint, place, texts, scheme, settings=settings))
        return done

    return get


@pytest.mark.parametrize(("units", "scheme"), FLOATS)
def test_float_packages_pass_within_their_budgets(bundles, units, scheme):
    parity = bundles(units, scheme).parity
    assert parity.verdict is Verdict.PASS, parity.failures
    assert parity.status == "simulated"


@pytest.mark.parametrize(("units", "scheme"), marked(CASES, QUICK))
def test_every_scheme_is_written_and_compared(bundles, units, scheme):
    item = bundles(units, scheme)
    assert item.parity.rows > 30
    assert np.isfinite(item.parity.max_absolute)
    names = {path.name for path in item.directory.iterdir()}
    assert {"Model.mlpackage", "bertport.json", "golden.json", "parity.json", "vocab.txt", "README.md"} <= names


def test_a_simulated_figure_is_never_called_measured(bundles):
    card = (bundles("all", "fp16").directory / "README.md").read_text()
    assert "pass, simulated" in card
    assert "measured" not in card


def test_golden_vectors_fit_the_length(bundles):
    directory = bundles("all", "none").directory
    vectors = json.loads((directory / "golden.json").read_text())["vectors"]
    assert max(len(vector["input_ids"]) for vector in vectors) <= 24


def test_several_lengths_in_one_package_and_in_several(checkpoint, texts, tmp_path, said):
    for target, files in (("iOS18", {"Model.mlpackage"}), ("iOS17", {"Model-8.mlpackage", "Model-24.mlpackage"})):
        settings = Settings(options={"sequence_lengths": (8, 24), "deployment_target": target})
        said.clear()
        (done,) = export(request(checkpoint, tmp_path / target, texts, settings=settings))
        assert any("2 times the size" in text for text in said) == (target == "iOS17")
        assert done.parity.verdict is Verdict.PASS, done.parity.failures
        assert {path.name for path in done.directory.glob("*.mlpackage")} == files
        assert open_runner(read_bundle(done.directory)).models.keys() == {8, 24}


def test_verify_and_explain(bundles, checkpoint, texts):
    for units in ("all", "cpu-and-gpu"):
        verification = verify(Check(read_bundle(bundles(units, "none").directory), str(checkpoint), texts))
        parity = verification.parity
        assert parity.verdict is Verdict.PASS
        found = verification.explain()
        assert found.first is None
        assert {"embeddings", "layer.0.attention.context", "layer.0.output", "pooler", "logits"} <= {
            r.name for r in found.file
        }


def test_a_swapped_weight_is_caught_and_located(bundles, make_checkpoint, edit_weights, checkpoint, texts, tmp_path):
    """A package of other weights under this checkpoint's manifest."""
    other = make_checkpoint("other")
    name = "bert.encoder.layer.0.attention.self.{}.weight"

    def swap(tensors):
        tensors[name.format("query")], tensors[name.format("key")] = (
            tensors[name.format("key")],
            tensors[name.format("query")],
        )

    edit_weights(other, swap)
    (wrong,) = export(request(other, tmp_path / "wrong", texts))
    forged = copytree(bundles("all", "none").directory, tmp_path / "forged")
    copytree(wrong.directory / "Model.mlpackage", forged / "Model.mlpackage", dirs_exist_ok=True)
    write_manifest(forged, replace(read_bundle(forged).manifest, files=hash_files(forged)))
    verification = verify(Check(read_bundle(forged), str(checkpoint), texts))
    parity = verification.parity
    assert parity.verdict is Verdict.FAIL
    assert verification.explain().first.name == "layer.0.attention.query"


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
@pytest.mark.parametrize("lowest", [-np.inf, float(np.finfo(np.float32).min), -1.0])
def test_a_wrong_mask_fails(checkpoint, texts, tmp_path, monkeypatch, lowest):
    """Infinite or float32's least overflow in float16; −1 lets padding through."""
    monkeypatch.setattr(coreml_attention, "LOWEST", -lowest)
    (done,) = export(request(checkpoint, tmp_path / "out", texts, "fp16"))
    assert done.parity.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("settings", "scheme", "error", "words"),
    [
        (
            Settings(options={"sequence_lengths": (600,)}),
            "fp16",
            UsageError,
            "sequence length 600 exceeds the checkpoint's 48 positions",
        ),
        (Settings(options={"deployment_target": "iOS15"}), "fp16", LoweringError, "iOS16"),
        (Settings(options={"deployment_target": "iOS17"}), "int4", LoweringError, "needs iOS18"),
        (Settings(options={"compute_units": "tpu"}), "fp16", UsageError, "cpu-and-ne"),
        (Settings(), "int8-weights", UsageError, "palettize6"),
    ],
)
def test_what_cannot_be_is_refused(checkpoint, texts, tmp_path, settings, scheme, error, words):
    with pytest.raises(error, match=words):
        export(request(checkpoint, tmp_path / "out", texts, scheme, settings=settings))
    assert not (tmp_path / "out").exists()


def test_inspect_a_bundle_and_a_package(bundles, capsys):
    directory = bundles("cpu-and-gpu", "fp16").directory
    whole, alone = inspect(directory), inspect(directory / "Model.mlpackage")
    assert whole.facts["target"] == "coreml, fp16"
    assert alone.operators == whole.operators
    assert any("rows layout" in finding for _, finding in alone.findings)
    assert main(["inspect", str(directory / "Model.mlpackage")]) == 0
    assert "not placement" in capsys.readouterr().out


def test_a_damaged_package_is_one_line(bundles, tmp_path, capsys):
    package = copytree(bundles("all", "fp16").directory / "Model.mlpackage", tmp_path / "x.mlpackage")
    weights = next(package.rglob("weight.bin"))
    weights.write_bytes(weights.read_bytes()[:100])
    assert main(["inspect", str(package)]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    with pytest.raises(BundleError):
        inspect(package)


def test_the_missions_own_spelling(tmp_path):
    """`export --target coreml --quantize int8`, as written."""
    command = [sys.executable, "-m", "exporter", "--target", "coreml", "--quantize", "int8"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "taking the embedded demo" in done.stderr
    assert (tmp_path / "artifacts" / "demo" / "coreml-int8" / "Model.mlpackage").is_dir()
