"""`inspect` reads what files say of themselves: no weight is decoded, and no name is obeyed by the terminal."""

import json
import re

import pytest
from coremltools.proto import Model_pb2

from exporter.cli.main import main
from exporter.verification.inspection import Inspection
from runtimes.errors import visible
from runtimes.reporting.terminal import inspection_tables, show

HUGE = 1 << 30


def _typed(message, dtype, *shape):
    message.tensorType.dataType, message.tensorType.rank = dtype, len(shape)
    for size in shape:
        message.tensorType.dimensions.add().constant.size = size


@pytest.fixture
def package(tmp_path):
    """One whose weights would decode to 4 GB, and whose texts try the terminal; a few hundred bytes."""
    model = Model_pb2.Model(specificationVersion=9)
    model.mlProgram.version = 1
    model.description.metadata.shortDescription = "a\x1b[2J[bold red]b[/bold red]\u202ec"
    function = model.mlProgram.functions["main"]
    function.opset = "CoreML8"
    block = function.block_specializations["CoreML8"]
    decoded = block.operations.add(type="constexpr_sparse_to_dense")
    _typed(decoded.outputs.add(name="huge").type, 11, HUGE)
    for name, dtype, field, values in (("mask", 31, "ints", [0]), ("shape", 23, "ints", [HUGE])):
        _typed(decoded.attributes[name].type, dtype, 1)
        getattr(decoded.attributes[name].immediateValue.tensor, field).values.extend(values)
    for number in range(16):
        made = block.operations.add(type="tanh")
        made.inputs["x"].arguments.add(name="huge")
        _typed(made.outputs.add(name=f"t{number}\x1b]0;owned\x07").type, 11, 4)
    block.outputs.append("huge")
    data = tmp_path / "x.mlpackage" / "Data"
    data.mkdir(parents=True)
    (data / "model.mlmodel").write_bytes(model.SerializeToString())
    items = {"itemInfoEntries": {"a": {"path": "model.mlmodel"}}, "rootModelIdentifier": "a"}
    (data.parent / "Manifest.json").write_text(json.dumps(items))
    return data.parent


def test_no_weight_is_decoded(package, capsys):
    assert main(["inspect", str(package)]) == 0
    assert f"fp32 [{HUGE}]" in capsys.readouterr().out


def test_a_package_is_known_by_what_it_holds(package, capsys):
    assert main(["inspect", str(package.rename(package.with_name("renamed")))]) == 0
    (package.with_name("renamed") / "Manifest.json").unlink()
    assert main(["inspect", str(package.with_name("renamed"))]) == 2


def test_names_and_metadata_are_shown_and_not_obeyed(package, capsys):
    main(["inspect", str(package)])
    said = capsys.readouterr().out
    assert r"a\x1b[2J[bold red]b[/bold red]\u202ec" in said
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_a_finding_is_told_once(package, capsys):
    main(["inspect", str(package)])
    said = capsys.readouterr().out
    assert said.count("float32; only float16 runs there") == 1
    assert "and 13 more" in said
    main(["inspect", str(package), "--json"])
    assert len(json.loads(capsys.readouterr().out)["findings"]) == 16


def test_findings_that_differ_are_all_told(capsys):
    show(*inspection_tables(Inspection({}, {}, [], [("add a", "thin"), ("add b", "wide"), ("mul c", "thin")])))
    said = capsys.readouterr().out
    assert re.search(r"thin +│ 2 +│ add a, mul c", said)
    assert re.search(r"wide +│ 1 +│ add b", said)


@pytest.mark.parametrize("text", ["naïve 東京 👩", "two\nlines", "a\u00a0b"])
def test_the_control_printable_text_stays(text):
    assert visible(text) == text
