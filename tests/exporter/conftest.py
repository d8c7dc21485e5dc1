"""What tests of the exporter share: a bundle, and what the contract tests of tasks and of families begin with."""

import pytest

from exporter.options.request import Request
from exporter.pipeline import export


@pytest.fixture
def made(checkpoint, tmp_path):
    """An unverified bundle."""
    export(Request(str(checkpoint), destination=tmp_path / "made", verify=False))
    return tmp_path / "made"


@pytest.fixture(scope="module")
def few(texts):
    """Enough to fill every kind of case."""
    return texts[::3]
