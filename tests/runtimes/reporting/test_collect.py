"""What lies below the folders is taken whole, or refused in one line."""

import json
import shutil

import pytest

from runtimes.errors import BundleError, RecordError, UsageError
from runtimes.reporting.collect import collect

from .conftest import HOST, bench, device, tune


def put(folder, name, record):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(record))


def test_every_kind_is_found_and_other_json_left_alone(made, records):
    found = collect([made, records])
    counts = [len(found.bundles), len(found.checks), len(found.benches), len(found.evaluations)]
    assert [*counts, len(found.devices), len(found.tunes), len(found.gates)] == [2, 1, 1, 1, 1, 1, 1]
    assert found.count == 8


def test_a_record_found_twice_counts_once(records):
    assert collect([records, records, records.parent]).count == collect([records]).count


def test_hidden_folders_are_left_alone(records):
    put(records / ".cache", "broken.json", None)
    (records / ".cache" / "broken.json").write_text("{")
    collect([records])


def test_nothing_found_is_a_mistake(tmp_path):
    with pytest.raises(UsageError, match="no record there"):
        collect([tmp_path])
    with pytest.raises(UsageError, match="no such folder"):
        collect([tmp_path / "none"])


def test_a_bundle_that_was_changed_is_refused(made, tmp_path):
    shutil.copytree(made / "onnx-int8", tmp_path / "changed")
    with (tmp_path / "changed" / "model.onnx").open("ab") as file:
        file.write(b"0")
    with pytest.raises(BundleError, match=r"changed model\.onnx"):
        collect([tmp_path])


def test_a_broken_record_is_refused(records):
    (records / "half.json").write_bytes(b'{"kind": "bench", \xff')
    with pytest.raises(RecordError, match=r"half\.json: not a record"):
        collect([records])


@pytest.mark.parametrize("other", [bench([("a", None)], HOST | {"cores": "64"}), tune(HOST | {"processor": "b"})])
def test_times_of_two_hosts_are_refused(records, other):
    put(records, "other-host.json", other)
    with pytest.raises(RecordError, match=r"timed on another host than .* report them apart"):
        collect([records])


def test_devices_may_differ_for_they_share_no_table(records):
    put(records, "another.json", device({"model": "m"}, "iPhone17,2"))
    assert len(collect([records]).devices) == 2
