"""What moved since an earlier report: figures that both have, what got worse first."""

import json
import shutil

import pytest

from exporter.cli.main import main
from runtimes.reporting.build import build
from runtimes.reporting.collect import collect

TITLE = "Since the earlier report"


def section(now, before):
    document, _ = build(collect(now), collect(before))
    return next((one for one in document.sections if one.title == TITLE), None)


@pytest.fixture
def before(records, tmp_path):
    """The same records with a lower score and a faster bundle in them."""
    place = tmp_path / "before"
    shutil.copytree(records, place)
    for path in place.rglob("*.json"):
        record = json.loads(path.read_text())
        if record.get("kind") == "evaluate":
            record["exported"]["figures"]["accuracy"] = 0.95
        path.write_text(json.dumps(record))
    return place


def test_nothing_moved_since_the_same_records(made, records):
    found = section([made, records], [made, records])
    assert found.lead.startswith("0 of ")
    assert {row[-1] for row in found.tables[0].rows} == {"–"}


def test_what_got_worse_comes_first(made, records, before):
    found = section([made, records], [made, before])
    first = found.tables[0].rows[0]
    assert first[1] == "accuracy, dev.tsv"
    assert first[2:] == ("0.9500", "0.8900", "-6.3%")
    assert not found.lead.startswith("0 of ")


def test_latencies_are_ratios_to_pytorch_of_their_own_run(made, records):
    rows = section([made, records], [made, records]).tables[0].rows
    ratios = [row for row in rows if row[1].startswith("latency ÷ PyTorch")]
    assert ratios
    assert all(float(row[3]) == 1.0 for row in ratios)


def test_without_an_earlier_report_there_is_no_such_section(made, records):
    document, _ = build(collect([made, records]))
    assert TITLE not in [one.title for one in document.sections]


def test_the_command_takes_the_folder_of_an_earlier_run(made, records, before, tmp_path):
    assert main(["report", str(made), str(records), "--before", str(before), "-o", str(tmp_path / "out")]) == 0
    assert TITLE in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert main(["report", str(made), "--before", str(tmp_path / "nowhere"), "-o", str(tmp_path / "other")]) == 2
