"""`bertport check` as a project's CI calls it: beyond any budget it fails, and says so wherever it was asked to."""

import json
from unittest import mock
from xml.etree import ElementTree

import pytest

from exporter.cli.main import main
from exporter.compression import integer_rounding
from runtimes.records.check import CheckRecord
from runtimes.records.reading import read_record

QUICK = "[timing]\ntokens = [8]\nruns = 3\nrounds = 1\n"


@pytest.fixture
def project(checkpoint, texts, tmp_path, monkeypatch):
    """A folder with a model and texts; gives a function that writes bertport.toml there and checks."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny").symlink_to(checkpoint)
    (tmp_path / "texts.txt").write_text("\n".join(texts[:9]))

    def check(budget="", *arguments, top="", timing=QUICK):
        lines = [top, timing, "[[export]]", 'model = "tiny"', 'schemes = ["int8"]', 'texts = "texts.txt"', budget]
        (tmp_path / "bertport.toml").write_text("\n".join(lines))
        return main(["check", *arguments])

    return check


def findings(capsys):
    return {one["name"]: one for one in json.loads(capsys.readouterr().out)["findings"]}


def test_within_its_budgets_it_passes_and_leaves_nothing(project, tmp_path, capsys):
    before = sorted(path.name for path in tmp_path.iterdir())
    assert project("[export.budget]\nmax_size_bytes = 1_000_000\n") == 0
    assert "pass (measured)" in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "bertport.toml"])


def test_a_budget_one_byte_too_small_fails(project, capsys):
    assert project("", "--json") == 0
    (bundle,) = json.loads(capsys.readouterr().out)["bundles"].values()
    size = bundle["size_bytes"]
    assert project(f"[export.budget]\nmax_size_bytes = {size}") == 0
    capsys.readouterr()
    assert project(f"[export.budget]\nmax_size_bytes = {size - 1}", "--json") == 1
    assert findings(capsys)["size"]["message"] == f"{size:,} bytes is beyond {size - 1:,}"


def test_report_shows_what_check_found(project, tmp_path, capsys):
    assert project("[export.budget]\nmax_size_bytes = 1", "--json") == 1
    (tmp_path / "found" / "check.json").parent.mkdir()
    (tmp_path / "found" / "check.json").write_text(capsys.readouterr().out)
    assert main(["report", str(tmp_path / "found"), "-o", str(tmp_path / "page")]) == 0
    assert "is beyond 1" in (tmp_path / "page" / "report.html").read_text()
    junit = ElementTree.parse(tmp_path / "page" / "junit.xml").getroot()
    assert [case.get("name") for case in junit.iter("testcase") if case.find("failure") is not None] == ["size"]


BEYOND = {
    "parity": ("[export.budget]\nmax_absolute = 1e-9", "parity native"),
    "memory": ("[export.budget]\nmax_peak_rss_bytes = 1", "memory"),
    "latency": ('[export.budget.latency]\nto = "tiny onnx-int8"\nmax_ratio = 0.5', "latency"),
}


@pytest.mark.parametrize(("budget", "name"), BEYOND.values(), ids=BEYOND)
def test_beyond_any_budget_it_fails(project, capsys, budget, name):
    assert project(budget, "--json") == 1
    found = findings(capsys)
    assert [one for one, finding in found.items() if finding["verdict"] == "fail"] == [name]
    assert "beyond" in found[name]["message"]


MEASURED = '[export.budget]\nmax_peak_rss_bytes = 100_000_000_000\n[export.budget.latency]\nto = "tiny onnx-int8"\n'


def test_memory_and_the_ratio_within_their_budgets_pass(project, capsys):
    assert project(f"{MEASURED}max_ratio = 1.0", "--json") == 0  # to itself
    found = findings(capsys)
    assert found["memory"]["verdict"] == found["latency"]["verdict"] == "pass"


ROWS = '[export.data]\nfile = "rows.csv"\n[export.budget]\nmin_agreement = 0\nmax_relative = 1e9\nmax_drop_points = 10'


def test_a_lost_point_of_accuracy_fails(project, checkpoint, texts, tmp_path, capsys):
    """Labelled as PyTorch labels them, so that whatever a spoiled export answers else is a loss."""
    from exporter.checkpoint.checkpoint import load
    from exporter.checkpoint.source import HubOptions, resolve
    from exporter.verification.reference.reference import Reference

    reference = Reference(load(resolve(str(checkpoint), HubOptions())), texts)
    battery = reference.battery(None)
    real = [outputs for case, outputs in zip(battery.cases, battery.outputs, strict=True) if case.real_text]
    labels = [int(outputs["logits"].argmax()) for outputs in real]
    rows = [f"{text},LABEL_{label}" for text, label in zip(texts, labels, strict=True)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]))
    assert project(ROWS, "--json") == 0
    assert findings(capsys)["accuracy"]["verdict"] == "pass"
    with mock.patch.object(integer_rounding, "int8_without_saturation", lambda values: integer_rounding.int8(-values)):
        assert project(ROWS, "--json") == 1
    assert "points is beyond 10.00" in findings(capsys)["accuracy"]["message"]


BASELINE = 'baseline = "baseline.json"'


def test_a_moved_figure_fails_until_the_baseline_is_moved_on_purpose(project, tmp_path, capsys):
    assert project("", "--update-baseline", top=BASELINE) == 0
    assert project(top=BASELINE) == 0
    path = tmp_path / "baseline.json"
    record = json.loads(path.read_text())
    record["bundles"]["tiny onnx-int8"]["size_bytes"] *= 2
    path.write_text(json.dumps(record))
    moved = path.read_bytes()
    capsys.readouterr()
    assert project("", "--json", top=BASELINE) == 1
    assert "--update-baseline" in findings(capsys)["baseline size"]["message"]
    assert path.read_bytes() == moved
    assert project("", "--update-baseline", top=BASELINE) == 0
    assert project(top=BASELINE) == 0


def test_beyond_a_budget_the_baseline_stays(project, tmp_path, capsys):
    assert project("[export.budget]\nmax_size_bytes = 1", "--update-baseline", top=BASELINE) == 1
    assert not (tmp_path / "baseline.json").exists()
    assert "left as it was" in capsys.readouterr().err


def test_what_is_wrong_with_the_baseline_is_one_line_before_any_work(project, tmp_path, capsys):
    assert project(top=BASELINE) == 2
    assert "no file baseline.json" in capsys.readouterr().err
    (tmp_path / "baseline.json").write_text("{")
    assert project(top=BASELINE) == 3
    error = capsys.readouterr().err
    assert "baseline.json: not a baseline" in error
    assert len(error.splitlines()) == 1
    assert project("", "--update-baseline") == 2
    assert "bertport.toml: baseline: missing" in capsys.readouterr().err


def test_a_processor_that_is_not_here_is_not_run_and_no_pass(project, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("runtimes.backends.emulation.processors.platform.machine", lambda: "x86_64")
    assert project('archs = ["native", "arm64"]', "--junit", "junit.xml") == 4
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    skipped = [case.get("name") for case in root.iter("testcase") if case.find("skipped") is not None]
    assert (root.get("skipped"), skipped) == ("1", ["parity arm64"])
    assert "parity arm64: not run: arm64: no qemu-aarch64 here" in capsys.readouterr().err


def test_a_failure_is_in_junit_summary_and_annotations(project, tmp_path, monkeypatch, capsys):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert project("[export.budget]\nmax_size_bytes = 1", "--junit", "out/junit.xml", "--json") == 1
    out, err = capsys.readouterr()
    (tmp_path / "check.json").write_text(out)  # nothing but the result
    record = read_record(tmp_path / "check.json")
    assert isinstance(record, CheckRecord)  # which a report takes
    errors = [line for line in err.splitlines() if line.startswith("::error ")]
    (line,) = errors
    assert line.startswith("::error file=bertport.toml,title=tiny onnx-int8%3A size::")
    (failure,) = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot().iter("failure")
    assert "beyond 1" in failure.get("message", "")
    assert "| tiny onnx-int8 | size | fail |" in summary.read_text()


def test_a_pass_has_no_annotation(project, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert project() == 0
    assert "::error" not in capsys.readouterr().err


def test_a_mistake_is_annotated_too(project, monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert project("shemes = 1") == 2
    annotated, said = capsys.readouterr().err.splitlines()
    assert annotated.startswith("::error file=bertport.toml,title=bertport check::")
    assert "export.1.shemes: unknown key; there are model, name, targets, schemes" in said


def test_more_tokens_than_a_model_takes_are_refused(project, capsys):
    too_many = QUICK.replace("[8]", "[8, 49]")
    assert project("[export.budget]\nmax_peak_rss_bytes = 1", timing=too_many) == 2
    assert "timing.tokens: 49, and tiny onnx-int8 takes 48 at most" in capsys.readouterr().err


def test_bundles_are_kept_where_asked(project, tmp_path):
    assert project("", "-o", "kept") == 0
    assert (tmp_path / "kept" / "tiny" / "onnx-int8" / "bertport.json").is_file()


@pytest.mark.parametrize(("wrong", "code"), [('archs = ["sparc"]', 2), ('targets = ["tflite"]', 2)])
def test_an_unknown_processor_or_target_is_a_usage_error(project, capsys, wrong, code):
    assert project(wrong) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
