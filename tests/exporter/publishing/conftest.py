"""Bundles of one small checkpoint to publish, and a Hub to publish them to."""

import pytest

from exporter.cli.main import main
from tests.exporter.publishing.hub import serving


@pytest.fixture(scope="session")
def bundles(checkpoint_of, made_once):
    """A folder with onnx-none, onnx-int8, onnx-pq and coreml-int8 of a classifier, compared; read only."""

    def make(place):
        model = checkpoint_of("bert", "text-classification")
        schemes = ["--quantize", "none", "--quantize", "int8", "--quantize", "pq"]
        wide = ["--max-relative", "1", "--min-agreement", "0"]  # labels of random weights are close calls
        assert main(["export", str(model), *schemes, *wide, "-o", str(place)]) == 0
        coreml = ["--target", "coreml", "--quantize", "int8", "--sequence-length", "16", *wide]
        assert main(["export", str(model), *coreml, "-o", str(place / "coreml-int8")]) == 0

    return made_once("published-bundles", make)


@pytest.fixture
def hub(monkeypatch):
    """A Hub on loopback, and a token for it; huggingface_hub reads its variables when it is imported."""
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
        monkeypatch.setenv("HF_TOKEN", served.token)
        yield served
