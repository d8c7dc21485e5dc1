"""Assets written byte by byte, with whatever a test puts there."""

import pytest

from benchmarks.fuzz.bytecode import small, write_asset


@pytest.fixture
def program():
    return small()


@pytest.fixture
def saved(tmp_path):
    """A program, or bytes → the asset's folder, whose hash fits; `said` goes into its metadata."""

    def save(program, name="Model.aimodel", **said):
        content = program if isinstance(program, bytes) else program.content()
        return write_asset(tmp_path / name, content, **said)

    return save
