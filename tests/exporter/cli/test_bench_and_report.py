"""bench and report as their users call them: one real run, killed and gone on with, and what bad input gets."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export

FEW = ["--lengths", "8", "--batches", "1", "--threads", "1", "--runs", "2"]


@pytest.fixture(scope="module")
def bundle(checkpoint, tmp_path_factory):
    place = tmp_path_factory.mktemp("bundles") / "onnx-none"
    export(Request(str(checkpoint), destination=place, verify=False))
    return place


def bench(*arguments):
    return main(["bench", *map(str, arguments)])


def test_a_bundle_beside_pytorch(bundle, checkpoint, tmp_path, capsys):
    place = tmp_path / "out" / "bench.json"
    assert bench(bundle, "--checkpoint", checkpoint, *FEW, "--rounds", "1", "-o", place) == 0
    out, err = capsys.readouterr()
    assert "onnx-none" in out
    assert "2 of 2: round 1, onnx-none, 1 thread" in err
    record = json.loads(place.read_text())
    assert [entry["subject"] for entry in record["measurements"]] == ["PyTorch", "onnx-none"]
    assert record["subjects"][1]["disk_bytes"] == (bundle / "model.onnx").stat().st_size
    assert str(tmp_path) not in place.read_text()  # nothing of this machine's folders
    assert main(["report", str(tmp_path / "out"), str(bundle), "-o", str(tmp_path / "page")]) == 0
    assert {path.name for path in (tmp_path / "page").iterdir()} == {"report.html", "report.md", "junit.xml"}
    (case,) = ElementTree.parse(tmp_path / "page" / "junit.xml").iter("testcase")
    assert case.find("skipped") is not None  # the bundle was not verified
    assert "onnx-none" in (tmp_path / "page" / "report.md").read_text()


def test_a_run_that_is_killed_goes_on(bundle, tmp_path):
    place = tmp_path / "bench.json"
    command = [sys.executable, "-m", "exporter", "bench", str(bundle), *FEW, "--rounds", "3", "-o", str(place)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    partial = tmp_path / "bench.json.partial"
    deadline = time.monotonic() + 120
    while not (partial.exists() and partial.read_bytes().count(b"\n") >= 2) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert not place.exists()
    kept = partial.read_bytes().splitlines()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert "going on after" in done.stderr
    record = json.loads(place.read_text())
    assert [entry["round"] for entry in record["measurements"]] == [0, 1, 2]
    assert record["measurements"][0] == json.loads(kept[1])
    assert len({entry["sitting"] for entry in record["measurements"]}) in (1, 2)  # one, within the same second
    assert not partial.exists()


def test_without_its_checkpoint_pytorch_is_not_run_and_said_so(bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert bench(bundle, *FEW, "--rounds", "1", "-o", tmp_path / "bench.json", "--json") == 0
    out, err = capsys.readouterr()
    assert "PyTorch is not run: " in err
    subject = json.loads(out)["subjects"][0]
    assert (subject["name"], subject["status"]) == ("PyTorch", "not run")


MISTAKES = {
    "no bundle": (["./none"], 2, "not a bundle"),
    "a length beyond the positions": (["BUNDLE", "--lengths", "8,49"], 2, "takes 48 tokens"),
    "a length of nothing": (["BUNDLE", "--lengths", "0"], 2, "--lengths '0': expected numbers of 1 to"),
    "no numbers": (["BUNDLE", "--threads", "1;2"], 2, "with commas between"),
    "a number too large": (["BUNDLE", "--batches", "1" * 30], 2, "--batches"),
    "no runs": (["BUNDLE", "--runs", "0"], 2, "1 or more"),
    "a folder to write to": (["BUNDLE", "-o", "/"], 2, "found a folder"),
    "the same bundle twice": (["BUNDLE", "BUNDLE"], 2, "named twice"),
    "another checkpoint": (["BUNDLE", "--checkpoint", "demo"], 3, "not the checkpoint"),
}


@pytest.mark.parametrize(("arguments", "code", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(bundle, arguments, code, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    given = [bundle if one == "BUNDLE" else one for one in arguments]
    assert bench("-o", "out.json", *given) == code
    error = capsys.readouterr().err
    assert words in error
    assert len([line for line in error.splitlines() if "is not run" not in line]) == 1
    assert not list(tmp_path.iterdir())


def test_a_bundle_that_was_changed_is_not_measured(bundle, tmp_path, capsys):
    shutil.copytree(bundle, tmp_path / "changed")
    with (tmp_path / "changed" / "model.onnx").open("ab") as file:
        file.write(b"\0")
    assert bench(tmp_path / "changed", "-o", tmp_path / "out.json") == 3
    assert "changed model.onnx" in capsys.readouterr().err
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page")]) == 3
    assert not (tmp_path / "page").exists()


BROKEN = {
    "no record": (b'{"a": 1}', 2, "no record there"),
    "not JSON": (b"{", 3, "not a record"),
    "not UTF-8": (b'{"kind": "\xff"}', 3, "not a record"),
    "another schema": (b'{"kind": "bench", "schema_version": 2}', 3, "schema version 2"),
}


@pytest.mark.parametrize(("content", "code", "words"), BROKEN.values(), ids=BROKEN)
def test_report_says_what_is_wrong_in_one_line(content, code, words, tmp_path, capsys):
    (tmp_path / "record.json").write_bytes(content)
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page")]) == code
    error = capsys.readouterr().err
    assert words in error
    assert len(error.splitlines()) == 1
    assert not (tmp_path / "page").exists()


def test_report_where_nothing_can_be_written(bundle, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["report", str(bundle), "-o", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_verify_keeps_its_record_for_the_report(checkpoint, texts_file, tmp_path, capsys):
    made = str(tmp_path / "made")
    assert main(["export", str(checkpoint), "-o", made, "--texts", str(texts_file)]) == 0
    arguments = [made, "--checkpoint", str(checkpoint), "--texts", str(texts_file), "--explain"]
    assert main(["verify", *arguments, "-o", str(tmp_path / "kept" / "verify.json")]) == 0
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page"), "--json"]) == 0
    out = capsys.readouterr().out
    assert str(tmp_path / "page" / "report.html") in json.loads(out.splitlines()[-1])
    page = (tmp_path / "page" / "report.html").read_text()
    assert "layer.0.attention.scores" in page
    assert "2 of 2" in page
