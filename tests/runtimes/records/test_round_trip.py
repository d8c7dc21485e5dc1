"""What a command writes is what the reader returns: each kind, of a real run, to the last field."""

import contextlib
import csv
import io
import json
from copy import deepcopy
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import reduce
from operator import getitem
from typing import Any
from unittest import mock

import pytest

from exporter.cli.main import main
from exporter.compression import integer_rounding
from exporter.gate import output
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from runtimes.bundle.manifest import PARITY
from runtimes.errors import RecordError
from runtimes.records import writing
from runtimes.records.reading import json_schema, read_record
from runtimes.records.record import OPTIONAL
from runtimes.records.types import KINDS
from runtimes.records.writing import plain, write_record

HEAD = ("kind", "schema_version")
CONFIG = """
baseline = "baseline.json"
[timing]
tokens = [8]
runs = 3
rounds = 1
[[export]]
model = "tiny"
schemes = ["int8"]
texts = "texts.txt"
[export.budget]
max_peak_rss_bytes = 100_000_000_000
[export.budget.latency]
to = "tiny onnx-int8"
max_ratio = 1.0
"""
DEVICE_RUN = {"compute_units": "cpu", "tokens": 9, "max_absolute": 1e-6, "mean_absolute": 1e-7, "verdict": "pass"}
DEVICE = {
    "kind": "device",
    "schema_version": 1,
    "status": "measured",
    "bertport": "1",
    "source": "m",
    "target": "onnx",
    "task": "text-classification",
    "scheme": "none",
    "manifest_sha256": "0",
    "host": {"device": "x64", "system": "Linux", "cores": 2, "simulator": False},
    "vectors": 8,
    "tolerance_absolute": 1e-3,
    "runs": [DEVICE_RUN | {"load_s": 0.1, "latency_s": [0.002, 0.003]}],
    "peak_rss_bytes": 60_000_000,
}
"""As kits write it; tests/exporter/appkit holds the kits to every field."""


@pytest.fixture(scope="session")
def folder(checkpoint, texts, tmp_path_factory):
    """A model, a bundle that was compared, labelled rows and bertport.toml."""
    place = tmp_path_factory.mktemp("round trip")
    (place / "tiny").symlink_to(checkpoint)
    (place / "texts.txt").write_text("\n".join(texts[:9]))
    (place / "bertport.toml").write_text(CONFIG)
    with (place / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((text, f"LABEL_{n % 3}") for n, text in enumerate(texts))])
    request = Request(str(checkpoint), schemes=("int8",), texts=texts[:9], keep_failing=True)
    wrong = mock.patch.object(
        integer_rounding, "int8_without_saturation", lambda values: integer_rounding.int8(-values)
    )
    with wrong:  # so that rows differ
        export(replace(request, destination=place / "bundle"))
    return place


COMMANDS = {
    "parity": "verify bundle --checkpoint tiny --explain --json -o parity.json",
    "bench": "bench bundle --lengths 8 --batches 1 --threads 1 --runs 1 --rounds 1 --json -o bench.json",
    "evaluate": "evaluate bundle --checkpoint tiny --data rows.csv --json -o evaluate.json",
    "tune": "tune tiny --data rows.csv --max-drop 0 --limit 20 --json --record tune.json -o tuned",
    "check": "check --update-baseline --json",
}


@pytest.fixture(scope="session")
def made(folder):
    """By kind: the record that the command made, and what it printed with --json."""
    records, printed = {}, {}

    def kept(write):
        return lambda record: write(records.setdefault(record.kind, record))

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        onnx = TARGETS["onnx"]
        patch.setitem(TARGETS, "onnx", replace(onnx, schemes={name: onnx.schemes[name] for name in ("none", "int8")}))
        patch.setattr(writing, "encoded", kept(writing.encoded))
        patch.setattr(output, "printed", kept(output.printed))
        for kind, command in COMMANDS.items():
            with contextlib.redirect_stdout(io.StringIO()) as out:
                assert main(command.split()) in (0, 1)
            printed[kind] = json.loads(out.getvalue())
    (folder / "check.json").write_text(json.dumps(printed["check"]))  # which the command prints alone
    (folder / "baseline.json").rename(folder / "check-baseline.json")
    (folder / "device.json").write_text(json.dumps(DEVICE))
    return records, printed


@pytest.fixture
def path(kind, made, folder):
    return folder / f"{kind}.json"


every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_the_reader_returns_what_was_written_to_the_last_field(kind, path, tmp_path):
    found = read_record(path)
    assert type(found) is KINDS[kind]
    assert plain(found) == json.loads(path.read_bytes())
    write_record(tmp_path / "again.json", found)
    assert read_record(tmp_path / "again.json") == found


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "device"])
def test_the_reader_returns_the_record_that_the_command_made(kind, made, path):
    assert read_record(path) == made[0][kind]


@pytest.mark.parametrize("kind", COMMANDS)
def test_json_on_the_terminal_is_the_record(kind, made, path):
    assert made[1][kind] == json.loads(path.read_bytes())


def test_the_runs_had_something_to_tell(made):
    """The control: no part of a record is tested by its absence."""
    records = made[0]
    assert records["parity"].explanation.file
    assert records["evaluate"].differing
    assert records["tune"].candidates[0].latency_s
    assert records["tune"].chosen[0].parity
    assert all(bundle.latency_ratios for bundle in records["check"].bundles.values())
    assert records["check-baseline"].bundles


def test_a_bundles_own_parity_names_no_bundle(folder):
    """It lies in it; and it has no explanation, which was not asked for."""
    content = json.loads((folder / "bundle" / PARITY).read_bytes())
    assert plain(read_record(folder / "bundle" / PARITY)) == content
    assert content.keys() & {"bundle", "explanation"} == set()


def parts(value: Any, place: tuple[Any, ...] = ()):
    """(place in the JSON, dataclass) of a record and all parts of it; of a list, the first."""
    if is_dataclass(value):
        yield place, value
        held = {one.name: getattr(value, one.name) for one in fields(value)}.items()
    else:
        held = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, tuple) else ()
    for key, found in held:
        yield from parts(found, (*place, key))


def changed(content, place, change):
    """The JSON with one of its objects changed."""
    copied = deepcopy(content)
    change(reduce(getitem, place, copied))
    return copied


def returned(path, content):
    """What the reader makes of it, as JSON; None where it refuses."""
    path.write_text(json.dumps(content))
    try:
        return plain(read_record(path) or {})
    except RecordError:
        return None


@every_kind
def test_a_field_that_is_not_written_does_not_come_back_as_it_was(kind, path, tmp_path):
    """The control of the tests above: each field of each part, but what is left out where there is none of it."""
    content = json.loads(path.read_bytes())
    for place, part in parts(read_record(path)):
        for one in (one for one in fields(part) if not one.metadata.get(OPTIONAL)):
            short = changed(content, place, lambda held, name=one.name: held.pop(name))
            assert returned(tmp_path / "short.json", short) != short, (*place, one.name)


@every_kind
def test_a_field_that_the_type_lacks_does_not_come_back(kind, path, tmp_path):
    content = json.loads(path.read_bytes())
    assert returned(tmp_path / "same.json", content) == content
    for place, _ in parts(read_record(path)):
        longer = changed(content, place, lambda held: held.update(unknown=1))
        assert returned(tmp_path / "longer.json", longer) != longer, place


@every_kind
def test_who_makes_a_record_gives_every_field(kind, path):
    """A default would let a command forget one; what an older record may lack has its default in the reader alone."""
    for _, part in parts(read_record(path)):
        given = {one.name for one in fields(part) if (one.default, one.default_factory) != (MISSING, MISSING)}
        assert given <= {*HEAD, *(one.name for one in fields(part) if one.metadata.get(OPTIONAL))}


@every_kind
def test_what_the_schema_requires_is_what_the_reader_requires(kind, path, tmp_path):
    content = json.loads(path.read_bytes())

    def refused(name):
        return returned(tmp_path / "short.json", {key: held for key, held in content.items() if key != name}) is None

    required = set(json_schema(kind)["required"])
    assert {name for name in content if refused(name)} == required - {"kind"}  # without a kind it is no record
