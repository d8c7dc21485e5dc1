"""What was measured is not lost, not doubled, and never mixed with what was measured of something else."""

import pytest

from runtimes.errors import UsageError
from runtimes.records.baseline import BaselineRecord
from runtimes.records.writing import Journal, encoded, write_record

HEADER = {"kind": "bench", "host": {"processor": "a"}, "plan": [1, 2]}
ENTRIES = [{"case": "é", "round": n} for n in range(3)]


def reopen(path, header=HEADER, valid=lambda entry: True):
    return Journal.open(path, header, valid)


def names(folder):
    return sorted(found.name for found in folder.iterdir())


@pytest.fixture
def path(tmp_path, said):
    journal = reopen(tmp_path / "below" / "run.partial")
    assert not said
    for entry in ENTRIES:
        journal.append(entry)
    return journal.path


def test_a_run_that_ended_early_goes_on(path, said):
    journal = reopen(path)
    assert journal.entries == ENTRIES
    assert "going on after 3 measurements" in said[0]
    journal.append({"case": "more"})
    assert reopen(path).entries == [*ENTRIES, {"case": "more"}]


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_torn_line_is_dropped_and_the_rest_kept(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    journal = reopen(path)
    assert journal.entries == ENTRIES[:2]
    journal.append(ENTRIES[2])
    assert reopen(path).entries == ENTRIES


def test_what_is_of_another_run_is_not_gone_on_with(path, said):
    journal = reopen(path, HEADER | {"host": {"processor": "b"}})
    assert journal.entries == []
    assert "starting over: host differ" in said[0]


@pytest.mark.parametrize("content", [b"\xff\xfe\n", b"[]\n", b"{\n", b"[" * 100_000 + b"\n"])
def test_a_broken_journal_is_started_over(path, content, said):
    path.write_bytes(content)
    journal = reopen(path)
    assert journal.entries == []
    assert "starting over" in said[0]


def test_an_entry_that_is_none_is_not_gone_on_with(path, said):
    journal = reopen(path, valid=lambda entry: entry != ENTRIES[1])
    assert journal.entries == []
    assert "no measurement" in said[0]


def test_a_record_appears_whole_or_not_at_all(tmp_path):
    record = BaselineRecord(versions={}, bundles={})
    write_record(tmp_path / "new" / "record.json", record)
    assert (tmp_path / "new" / "record.json").read_bytes() == encoded(record)
    assert names(tmp_path / "new") == ["record.json"]
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        write_record(tmp_path / "folder", record)
    assert names(tmp_path) == ["folder", "new"]


def test_a_disk_that_refuses_is_said_with_the_path(tmp_path):
    (tmp_path / "journal").mkdir()
    journal = Journal(tmp_path / "journal", [])
    with pytest.raises(UsageError, match="journal: cannot be written"):
        journal.append({"a": 1})
    assert journal.entries == []
