"""A file is a record, or none, or an error of one line: whatever is in it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtimes.errors import RecordError
from runtimes.parity.compare import not_run
from runtimes.records import reading as records
from runtimes.records.device import DeviceRecord
from runtimes.records.parity import ParityRecord, parity_record
from runtimes.records.reading import SCHEMAS, read_record
from runtimes.records.writing import plain

RUN = {"compute_units": "all", "tokens": 128, "max_absolute": 0.01, "mean_absolute": 1e-3, "verdict": "pass"}
RUN |= {"load_s": 0.1, "latency_s": [0.001, 0.002], "a note of its own": 1}
DEVICE = {
    "kind": "device",
    "format_version": 1,
    "source": "m",
    "scheme": "fp16",
    "manifest_sha256": "0",
    "host": {"device": "iPhone16,1", "system": "19.1", "cores": 6, "simulator": False},
    "vectors": 8,
    "tolerance_absolute": 0.05,
    "runs": [RUN],
    "peak_rss_bytes": 1,
}


@pytest.fixture
def write(tmp_path):
    def written(content):
        path = tmp_path / "record.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return path

    return written


def test_a_record_is_read_and_what_is_beyond_its_schema_left_alone(write):
    found = read_record(write(DEVICE))
    assert isinstance(found, DeviceRecord)
    assert found.runs[0].latency_s == (0.001, 0.002)
    assert isinstance(read_record(write(plain(parity_record(not_run("why"))))), ParityRecord)


@pytest.mark.parametrize("other", [[], 3, {"a": 1}, {"kind": 3}, {"kind": "Deployment", "schema_version": 7}])
def test_other_json_is_no_record(write, other):
    assert read_record(write(other)) is None


BAD = {
    "not JSON": (b"{", "EOF"),
    "not UTF-8": (b'{"kind": "\xff\xfe"}', "not a record"),
    "a bomb of brackets": (b"[" * 1_000_000, "recursion"),
    "another schema": (DEVICE | {"format_version": 2}, "schema version 2, and this bertport reads 1"),
    "a figure that no sum of would be finite": (DEVICE | {"runs": [RUN | {"load_s": 1e308}]}, "less than or equal"),
    "a count of 2⁶³": (DEVICE | {"peak_rss_bytes": 2**63}, "less than"),
    "no schema version": ({"kind": "bench"}, "schema version None"),
    "a schema version that is none": ({"kind": "bench", "schema_version": "1\n" * 99}, "schema version '1"),
    "a field missing": ({k: v for k, v in DEVICE.items() if k != "runs"}, "runs"),
    "text for a number": (DEVICE | {"vectors": "8"}, "vectors"),
    "NaN": (DEVICE | {"runs": [RUN | {"max_absolute": float("nan")}]}, "runs.0.max_absolute: Input should be a finite"),
    "a negative time": (DEVICE | {"runs": [RUN | {"load_s": -1}]}, "greater than or equal to 0"),
    "a status that is none": (DEVICE | {"status": "guessed"}, "status"),
    "a name without end": (DEVICE | {"source": "x" * 5000}, "source"),
}


@pytest.mark.parametrize(("content", "words"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_said_in_one_line(write, content, words):
    with pytest.raises(RecordError) as error:
        read_record(write(content))
    said = str(error.value)
    assert words in said
    assert "record.json" in said
    assert "\n" not in said
    assert len(said) < 400


def test_a_file_too_large_is_not_read(write, monkeypatch):
    monkeypatch.setattr(records, "MAX_RECORD_BYTES", 10)
    with pytest.raises(RecordError, match="at most 10"):
        read_record(write(DEVICE))


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(RecordError, match="No such file"):
        read_record(tmp_path / "none.json")


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_content_breaks_the_reader(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("records") / "record.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    try:
        read_record(path)
    except RecordError as error:
        assert "\n" not in str(error).removeprefix(str(path))  # noqa: PT017 - either way is right


def test_the_written_schemas_are_current(tmp_path, monkeypatch):
    """`python -m runtimes.records.reading` writes them."""
    monkeypatch.setattr(records, "SCHEMAS", tmp_path / "schemas")
    records._write_schemas()
    written = {path.name: path.read_bytes() for path in (tmp_path / "schemas").iterdir()}
    assert written == {path.name: path.read_bytes() for path in SCHEMAS.glob("*.json")}


def test_an_entry_of_another_kind_is_none():
    assert not records.valid_entry({"name": "x"})
    assert not records.valid_entry(3)
