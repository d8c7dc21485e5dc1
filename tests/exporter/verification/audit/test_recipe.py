"""A manifest's recipe that no export writes is refused in one line, before anything is lowered from it."""

import json
import shutil

import pytest

from benchmarks.faults.frame import seal
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle.manifest import MANIFEST

CODED = {"scheme": "pq", "pq_dims": 4}
WRONG = {
    "coreml": [
        {"scheme": "pq"},
        {"scheme": "foo"},
        {"target": "x"},
        CODED | {"pq_dims": 0},
        CODED | {"pq_dims": 3},
        {"pq_dims": 4},
        {"options": {"sequence_lengths": [-1]}},
        {"options": {"sequence_lengths": [0]}},
        {"options": {"sequence_lengths": []}},
        {"options": {"sequence_lengths": [100_000]}},
        {"options": {"deployment_target": "iOS1"}},
        {"options": {"deployment_target": "iOS99"}},
        {"options": {"compute_units": "foo"}},
        {"options": {"opset": 20}},
    ],
    "onnx": [
        {"scheme": "pq"},
        {"scheme": "w8a8"},
        {"pq_dims": 8},
        {"options": {"opset": 0}},
        {"options": {"opset": 99}},
        {"options": {"sequence_lengths": [-1]}},
        {"options": {"deployment_target": "iOS17"}},
        {"options": {"compute_units": "all"}},
    ],
    "litert": [
        {"scheme": "pq"},
        {"scheme": "w8a8"},
        {"pq_dims": 8},
        {"options": {"sequence_lengths": [1]}},
        {"options": {"sequence_lengths": [16, 16]}},
        {"options": {"sequence_lengths": [100_000]}},
        {"options": {"sequence_lengths": 16}},
        {"options": {"smoothed": "no"}},
        {"options": {"opset": 20}},
    ],
}


@pytest.fixture(scope="module")
def made(checkpoint, tmp_path_factory):
    """target → an untouched bundle without parity."""
    place = tmp_path_factory.mktemp("recipes")
    for target in WRONG:
        wanted = Request(str(checkpoint), targets=(target,), destination=place / target, verify=False)
        export(wanted)
    return place


@pytest.mark.parametrize(("target", "change"), [(target, change) for target in WRONG for change in WRONG[target]])
def test_a_recipe_that_no_export_writes_is_refused(made, checkpoint, tmp_path, capsys, target, change):
    copy = shutil.copytree(made / target, tmp_path / "spoilt")
    content = json.loads((copy / MANIFEST).read_text())
    options = {**content["recipe"]["options"], **change.get("options", {})}
    content["recipe"].update(change, options=options)
    (copy / MANIFEST).write_text(json.dumps(content))
    seal(copy)
    for strict in ([], ["--strict"]):
        assert main(["verify", str(copy), "--checkpoint", str(checkpoint), *strict]) == 3
        said = capsys.readouterr().err.strip().splitlines()[-1]
        assert said.startswith(f"bertport: {copy / MANIFEST}: recipe: ")
        assert said.endswith("; export again")


@pytest.mark.parametrize("target", WRONG)
def test_what_an_export_writes_is_not(made, checkpoint, texts_file, target):
    command = ["verify", str(made / target), "--checkpoint", str(checkpoint), "--texts", str(texts_file)]
    assert [main([*command, *strict]) for strict in ([], ["--strict"])] == [0, 0]
