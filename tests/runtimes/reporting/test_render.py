"""The page says what the records say, asks for nothing from outside, and runs nothing that a record brings."""

import json
import re
import shutil
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from exporter.targets.registry import TARGETS
from runtimes.parity.compare import Verdict
from runtimes.reporting import render
from runtimes.reporting.build import build
from runtimes.reporting.collect import collect
from runtimes.reporting.document import Document, Fact, Section, Table
from runtimes.reporting.junit import junit_xml
from runtimes.reporting.names import Names
from runtimes.reporting.render import html, markdown
from runtimes.reporting.sections_parity import all_checks

from .conftest import EXPLANATION, device, edit_parity

VOID = {"meta", "link", "br", "img", "input"}
TEMPLATES = Path(render.__file__).parent / "templates"
HOSTILE = '<script>alert(1)</script>" onload="x\' | [a](http://b) `c` \n# d ]]> &amp; \0 \ud800'


class Page(HTMLParser):
    """Tags, attributes and visible text; unbalanced tags are an error."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.scripts, self._open = [], [], [], [], []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture
def document(made, records):
    return build(collect([made, records]))[0]


def references(page):
    """Every attribute and style that could make a browser fetch something."""
    asking = {"src", "href", "srcset", "data", "poster", "action", "xlink:href", "background", "style", "ping"}
    return [value for name, value in page.attributes if name in asking and not value.startswith(("#", "data:"))]


def test_the_page_has_every_subject(document):
    page = Page(html(document))
    text = " ".join(page.words)
    for words in (
        "Size against accuracy",
        "Latency by length, 1 thread",
        "Latency by length, 2 threads",
        "Memory",
        "Cold start",
        "How far outputs differ",
        "Relative error of every tensor",
        "On the device: iPhone16,1",
        "Search: checkpoint",
        "onnx: onnx-int8 (the smallest within)",
        "onnx-int8, arm64",
        "Not run: idle: Core ML needs macOS",
        "layer.1.output",
        "4 of 4",
        "not finite",
    ):
        assert words in text, words
    assert page.tags.count("svg") == 8
    assert "prefers-color-scheme: dark" in html(document)
    assert ("name", "viewport") in page.attributes


def assert_only_our_script(page):
    """The one that sorts tables, which the page's policy knows by its hash."""
    (script,) = page.scripts
    assert script == (TEMPLATES / "sort.js").read_text(encoding="utf-8").removesuffix("\n")
    (policy,) = [value for name, value in page.attributes if name == "content" and "default-src" in value]
    digest = b64encode(sha256(script.encode()).digest()).decode()
    assert policy.endswith(f"script-src 'sha256-{digest}'")


def test_every_point_of_size_and_score_leads_to_its_row(document):
    page = Page(html(document))
    ids = {value for name, value in page.attributes if name == "id"}
    links = [value for name, value in page.attributes if name == "href" and value.startswith("#evaluation-")]
    assert links
    assert {link.removeprefix("#") for link in links} <= ids


def test_the_page_asks_for_nothing_from_outside(document):
    text = html(document)
    page = Page(text)
    assert references(page) == []
    assert not {"iframe", "object", "embed", "base", "form"} & set(page.tags)
    assert_only_our_script(page)
    assert not re.search(r"@import|url\(", text)
    assert "default-src 'none'" in text
    assert references(Page('<p style="background: url(http://a)"></p><a href="http://a">b</a>'))  # the control


def test_what_a_record_holds_is_text_whatever_it_is():
    table = Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE)
    document = Document(HOSTILE, HOSTILE, (Fact(HOSTILE, HOSTILE),), (Section(HOSTILE, HOSTILE, (), (table,)),))
    text = html(document).encode(errors="replace").decode()
    page = Page(text)
    assert_only_our_script(page)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in "".join(page.words)
    shown = markdown(document)
    assert "<script>" not in shown.replace("\\<script", "")
    assert "[a](" not in shown
    assert len([line for line in shown.splitlines() if line.startswith("#")]) == 3


@pytest.mark.parametrize("simulator", [False, True])
def test_a_simulator_has_no_times(made, records, simulator):
    (records / "device.json").write_text(json.dumps(device({"model": "checkpoint"}, simulator=simulator)))
    document, verdicts = build(collect([records]))
    (section,) = [one for one in document.sections if one.title.startswith("On the device")]
    found = section.tables[0].rows
    times = ("not run",) * 4 if simulator else ("100", "2.50", "2.90", "2")
    assert found[0][2:] == ("simulated" if simulator else "measured", "1.0e-02", "1.0e-03", "128", *times)
    assert found[1][3] == "not finite"
    assert [one.verdict.value for one in verdicts if one.suite == "bertport.device"] == ["pass", "fail"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_device_record_is_of_its_own_target(records, target):
    """Android's and the web's are ONNX bundles; the iOS kit, whose first records said nothing, Core ML's."""
    said = {} if target == "coreml" else {"target": target}
    (records / "device.json").write_text(json.dumps(device({"model": "checkpoint"}) | said))
    document, verdicts = build(collect([records]))
    (section,) = [one for one in document.sections if one.title.startswith("On the device")]
    assert f"{target}-fp16, 8 texts" in section.lead
    assert all(f"{target}-fp16, " in one.name for one in verdicts if one.suite == "bertport.device")


def test_percentiles_are_of_one_run(document):
    (section,) = [one for one in document.sections if one.title == "Speed and memory"]
    rows = {row[:4]: row[4:] for row in section.tables[1].rows}
    assert rows["onnx-int8", "1", "128", "1"] == ("0.960", "1.22", "1.27", "1,042", "2")
    process = {row[:2]: row[2:] for row in section.tables[0].rows}
    assert process["onnx-int8", "1"] == ("4.00", "3.00", "500", "100", "10.0", "60", "10", "90")
    assert process["idle", "–"][2:] == ("not run",) * 6


def test_a_later_check_has_its_bundles_budget_and_its_own_status(made, records):
    findings = collect([made, records])
    later = all_checks(findings, Names(findings))[2]
    assert (later.name, later.parity.status) == ("onnx-int8, verify", "emulated")
    assert later.limit == pytest.approx(0.1 * 5.0)


@pytest.mark.parametrize(("cosine", "cell"), [(None, "–"), (0.25, "0.250000")])
def test_a_cosine_that_means_nothing_is_not_shown(made, tmp_path, cosine, cell):
    shutil.copytree(made / "onnx-int8", tmp_path / "one")
    edit_parity(tmp_path / "one", min_cosine=cosine)
    tables = [table for section in build(collect([tmp_path]))[0].sections for table in section.tables]
    (found,) = [table for table in tables if table.title == "Every check"]
    assert [row[found.columns.index("cosine")] for row in found.rows] == [cell]


def test_verdicts_become_tests(made, records, tmp_path):
    shutil.copytree(made / "onnx-int8", tmp_path / "bad")
    edit_parity(tmp_path / "bad", verdict="fail", failures=["max_absolute 9 is beyond 1"])
    shutil.copytree(made / "onnx-int8", tmp_path / "unknown")
    edit_parity(tmp_path / "unknown", verdict="not run", status="not run", rows=0, note="no qemu")
    document, found = build(collect([made, tmp_path / "bad", tmp_path / "unknown"]))
    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.PASS, Verdict.FAIL, Verdict.NOT_RUN]
    assert b"max_absolute 9 is beyond 1" in junit_xml(found)
    assert document.facts[0].bad
    assert "no qemu" in markdown(document)


def test_the_same_records_give_the_same_page(made, records):
    first, second = (html(build(collect([made, records]))[0]) for _ in range(2))
    assert first == second


def test_an_explanation_names_the_first_tensor_beyond(document):
    (section,) = [one for one in document.sections if one.title.startswith("Through the layers")]
    assert "The first tensor beyond its share is layer.1.output" in section.lead
    assert [row[0] for row in section.tables[0].rows] == [one["name"] for one in EXPLANATION["file"]]
