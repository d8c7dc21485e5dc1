"""The honest files that `benchmarks/fuzz` starts from, written once for each reader."""

import pytest


@pytest.fixture(scope="session")
def honest(tmp_path_factory):
    """Reader's name → (reader, its honest folders, what reading them shows)."""
    from benchmarks.fuzz.readers import READERS

    made = {}

    def prepare(name):
        if name not in made:
            reader = READERS[name]
            folders = reader.seeds(tmp_path_factory.mktemp("hostile") / name)
            made[name] = reader, folders, [reader.read(folder) for folder in folders]
        return made[name]

    return prepare
