"""A float16 package whose activations float16 holds in no inner step passes with a warning, and no other does."""

import pytest

from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.parity.compare import Verdict

SAID = "rounded to float16 inside operations too, 4 texts depart by "


@pytest.fixture(scope="module")
def large(write_checkpoint, tmp_path_factory):
    """LayerNorm takes activations of hundreds back to ones: their squares are beyond float16."""
    from safetensors.numpy import load_file, save_file

    folder = write_checkpoint(tmp_path_factory.mktemp("large") / "checkpoint")
    tensors = load_file(folder / "model.safetensors")
    for name in tensors:
        if name.endswith("output.dense.weight"):
            tensors[name] *= 60
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def exported(folder, place, texts, scheme="fp16", units="all", target="coreml"):
    settings = (
        Settings(options={"sequence_lengths": (24,), "compute_units": units}) if target == "coreml" else Settings()
    )
    (done,) = export(Request(str(folder), (target,), (scheme,), place, settings=settings, texts=texts[:6]))
    return done


@pytest.mark.parametrize(
    ("scheme", "units", "warned"),
    [
        ("fp16", "all", True),
        ("int8", "cpu-and-ne", True),
        ("fp16", "cpu-and-gpu", False),
        ("none", "all", False),
    ],
)
def test_activations_too_large_for_float16_are_said_where_the_engine_may_run(
    large, tmp_path, texts, scheme, units, warned
):
    done = exported(large, tmp_path / "out", texts, scheme, units)
    assert done.parity.verdict is Verdict.PASS
    told = [text for text in done.parity.warnings if text.startswith(SAID)]
    assert len(told) == int(warned)
    assert all("--compute-units cpu-and-gpu" in text for text in told)


def test_verify_says_it_too(large, tmp_path, texts):
    done = exported(large, tmp_path / "out", texts)
    parity = verify(Check(read_bundle(done.directory), str(large), texts[:6])).parity
    assert any(text.startswith(SAID) for text in parity.warnings)


def test_a_model_that_float16_holds_is_not_warned_of(checkpoint, tmp_path, texts):
    for scheme in ("fp16", "int8"):
        done = exported(checkpoint, tmp_path / scheme, texts, scheme)
        assert not [text for text in done.parity.warnings if "float16" in text]
