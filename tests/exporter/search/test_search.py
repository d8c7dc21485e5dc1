"""`bertport tune`: the smallest bundle that holds the budget, with its reasons; or none, and the best there was."""

import csv
import html
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.cli.main import main
from exporter.compression import product_quantization
from exporter.compression.calibration import Finetune
from exporter.search import search, trials
from exporter.search.search import tune
from exporter.search.trials import Aim
from exporter.targets.registry import TARGETS
from exporter.targets.target import Settings
from runtimes.backends.registry import BACKENDS
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import UsageError
from runtimes.evaluation.data.dataset import DataFile
from runtimes.measurement.measure import Latency, Measurement
from runtimes.parity.compare import Verdict


@pytest.fixture(scope="module")
def data(checkpoint, texts, tmp_path_factory):
    """Texts with PyTorch's own answers: what a bundle loses is what it answers otherwise."""
    from exporter.checkpoint.checkpoint import load
    from exporter.checkpoint.source import HubOptions, resolve
    from exporter.verification.labelled.answers import Examiner

    path = tmp_path_factory.mktemp("data") / "data.csv"
    longer = [f"{a} {b}" for a in texts for b in texts[::5]]

    def write(labels):
        with path.open("w", newline="") as file:
            csv.writer(file).writerows(
                [("text", "label"), *((text, f"LABEL_{n}") for text, n in zip(longer, labels, strict=True))]
            )

    write([0] * len(longer))
    examiner = Examiner(load(resolve(str(checkpoint), HubOptions())), DataFile(path))
    write(examiner.answers(examiner.reference(48), examiner.encoded(48)))
    return path


@pytest.fixture
def without_times(monkeypatch):
    """One run each in place of children and rounds: sizes decide. The cases that would have run."""
    seen = []

    def measured(cases, plan):
        seen.extend(cases)
        times = tuple(Latency(tokens, 1, (1.0,), 0) for tokens in plan.lengths)
        return [Measurement(case, 0.0, 0.0, 0.0, 0.0, times, 0, 0) for case in cases]

    monkeypatch.setattr(trials, "measure", measured)
    return seen


def keep_schemes(monkeypatch, target, names):
    few = {name: TARGETS[target].schemes[name] for name in names}
    monkeypatch.setitem(TARGETS, target, replace(TARGETS[target], schemes=few))


def schemes(monkeypatch, *names):
    keep_schemes(monkeypatch, "onnx", names)


def aim(checkpoint, data, place, rows=None, **settings):
    return Aim(
        str(checkpoint),
        ("onnx",),
        DataFile(data, limit=rows),
        destination=place,
        **{"max_drop_points": 100.0, **settings},
    )


def test_the_smallest_that_holds_is_exported_whole(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none", "fp16")
    done = tune(aim(checkpoint, data, tmp_path / "out"))
    (chosen,) = done.chosen
    assert [one.recipe.scheme for one in done.candidates] == ["none", "fp16"]
    assert chosen.candidate.size_bytes == min(one.size_bytes for one in done.candidates)
    bundle = read_bundle(tmp_path / "out")
    check_files(bundle)
    assert bundle.manifest.recipe == chosen.candidate.recipe
    assert chosen.exported.parity.verdict is Verdict.PASS
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_metric_asked_for_decides(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none")
    done = tune(aim(checkpoint, data, tmp_path / "out", metric="matthews"))
    assert [one.metric for one in done.candidates] == ["matthews"]
    with pytest.raises(UsageError, match="--metric spearman: unknown"):
        tune(aim(checkpoint, data, tmp_path / "other", metric="spearman"))


def test_nothing_lost_means_float_weights(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none", "int4-embeddings")
    monkeypatch.setattr(trials, "NEAR_POINTS", 0.0)
    done = tune(aim(checkpoint, data, tmp_path / "out", max_drop_points=0.0))
    lossy = next(one for one in done.candidates if one.recipe.scheme == "int4-embeddings")
    assert lossy.drop_points > 0
    assert done.chosen[0].candidate.recipe.scheme == "none"


def test_a_near_miss_keeps_its_most_sensitive_weights(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none", "int4-embeddings")
    monkeypatch.setattr(trials, "NEAR_POINTS", 100.0)
    done = tune(aim(checkpoint, data, tmp_path / "out", max_drop_points=0.0))
    assert list(done.sensitivities) == ["onnx-int4-embeddings"]
    tried = [one for one in done.candidates if one.recipe.keep]
    assert tried
    assert "embeddings.word.*=int8" in {pattern for one in tried for pattern in one.recipe.keep}
    chosen = done.chosen[0].candidate
    assert chosen.drop_points == 0.0
    assert chosen.size_bytes <= min(one.size_bytes for one in done.candidates if one.drop_points == 0.0) * 1.01
    assert read_bundle(tmp_path / "out").manifest.recipe.keep == chosen.recipe.keep


def test_nothing_within_the_budget_writes_nothing_and_names_the_best(
    checkpoint, data, tmp_path, without_times, monkeypatch, capsys
):
    schemes(monkeypatch, "int4-embeddings")
    monkeypatch.setattr(trials, "NEAR_POINTS", 0.0)
    arguments = ["tune", str(checkpoint), "--data", str(data), "--max-drop", "0", "-o", str(tmp_path / "out")]
    assert main([*arguments, "--record", str(tmp_path / "tune.json")]) == 1
    assert "the best is onnx-int4-embeddings, which loses" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["tune.json"]


def test_one_that_fails_parity_is_passed_over(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none", "int8-weights")
    real = search.export

    def strict(request):
        found = real(request)
        if request.verify and request.schemes == ("int8-weights",):
            found = [replace(item, parity=replace(item.parity, verdict=Verdict.FAIL)) for item in found]
        return found

    monkeypatch.setattr(search, "export", strict)
    done = tune(aim(checkpoint, data, tmp_path / "out"))
    assert done.chosen[0].candidate.recipe.scheme == "none"
    assert "onnx-int8-weights held it too, but not the parity budget" in done.chosen[0].why


def test_smaller_vocabularies_and_longer_stretches_are_tried_too(
    checkpoint, data, tmp_path, without_times, monkeypatch, texts
):
    schemes(monkeypatch, "fp16", "pq")
    trim = Trim(texts, min_count=2)
    done = tune(aim(checkpoint, data, tmp_path / "out", rows=20, settings=Settings(trim=trim)))
    names = [one.name for one in done.candidates]
    assert names[:3] == ["onnx-fp16", "onnx-fp16, 72 tokens", "onnx-pq"]
    assert next(name for name in names if "8 dims" in name) == "onnx-pq, 8 dims"
    assert len(set(names)) == len(names)
    pieces = [one.recipe.vocabulary_size for one in done.candidates if one.recipe.pq_dims == 4]
    assert pieces[0] is None
    assert pieces[1:] == sorted(pieces[1:], reverse=True)
    whole = done.examiner.checkpoint.geometry.vocabulary
    timed = {case.name: case.vocabulary for case in without_times}
    assert timed == {one.name: one.recipe.vocabulary_size or whole for one in done.candidates}
    assert len(set(timed.values())) > 1
    assert done.chosen[0].candidate.recipe == read_bundle(tmp_path / "out").manifest.recipe


@pytest.mark.parametrize(("limit", "learnt"), [(0.0, 2), (100.0, 0)])
def test_what_misses_by_little_learns_first(
    checkpoint, data, tmp_path, without_times, monkeypatch, texts, limit, learnt
):
    """And what holds does not."""
    schemes(monkeypatch, "none", "pq")
    monkeypatch.setattr(product_quantization, "ENTRIES", 16)
    monkeypatch.setattr(trials, "NEAR_POINTS", 100.0)
    monkeypatch.setattr(trials.Trials, "try_exceptions", lambda self, target: None)
    settings = Settings(finetune=Finetune(tuple(f"{a} {b}" for a in texts for b in texts[::9]), 1))
    done = tune(aim(checkpoint, data, tmp_path / "out", max_drop_points=limit, settings=settings))
    assert sum(one.name.endswith(", fine-tuned") for one in done.candidates) == learnt
    assert any(one.drop_points > 0 for one in done.candidates)


def test_weights_are_measured_in_the_tokens_of_a_smaller_vocabulary(
    checkpoint, data, tmp_path, without_times, monkeypatch, texts
):
    schemes(monkeypatch, "none", "int4-embeddings")
    monkeypatch.setattr(trials, "NEAR_POINTS", 100.0)
    settings = Settings(trim=Trim(texts[:4]))
    done = tune(aim(checkpoint, data, tmp_path / "out", rows=40, max_drop_points=0.0, settings=settings))
    assert [name for name in done.sensitivities if "tokens" in name]


def test_rows_held_back_do_not_decide(checkpoint, data, tmp_path, without_times, monkeypatch):
    schemes(monkeypatch, "none", "int4-embeddings")
    searches = [tune(aim(checkpoint, data, tmp_path / "out", holdout=share)) for share in (0.5, 0.5, 0.0)]
    assert [one.deciding_rows for one in searches] == [81, 81, 162]
    half, again, whole = (search.candidates[1] for search in searches)
    assert (half.drop_points, half.held_out_points) == (again.drop_points, again.held_out_points)
    assert whole.held_out_points is None
    assert (half.drop_points + half.held_out_points) / 2 == pytest.approx(whole.drop_points)


def test_the_record_explains_the_search(checkpoint, data, tmp_path, monkeypatch, capsys):
    """With times as they are."""
    schemes(monkeypatch, "none", "int8")
    arguments = ["tune", str(checkpoint), "--data", str(data), "--max-drop", "50", "-o", str(tmp_path / "out")]
    assert main([*arguments, "--record", str(tmp_path / "tune.json"), "--json"]) == 0
    record = json.loads((tmp_path / "tune.json").read_text())
    assert record == json.loads(capsys.readouterr().out)
    assert (record["kind"], record["schema_version"]) == ("tune", 1)
    assert [one["recipe"]["scheme"] for one in record["candidates"]] == ["none", "int8"]
    assert all(len(one["latency_s"]) == 90 and one["tried_s"] > 0 for one in record["candidates"])
    assert record["chosen"][0]["parity"]["verdict"] in ("pass", "fail")
    assert record["chosen"][0]["why"]
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page")]) == 0
    assert record["chosen"][0]["why"] in html.unescape((tmp_path / "page" / "report.html").read_text())
    capsys.readouterr()
    assert main([*arguments, "--limit", "20"]) == 0
    out, err = capsys.readouterr()
    assert "no row has the label" in err
    assert "chosen" in out
    assert "flatters the winner" in out


def test_what_a_target_cannot_do_is_left_out_and_says_why(checkpoint, data, tmp_path, monkeypatch):
    keep_schemes(monkeypatch, "coreml", ("fp16", "int4"))
    file = DataFile(data, limit=10)
    done = tune(Aim(str(checkpoint), ("coreml",), file, 50.0, destination=tmp_path / "out"))
    assert "--deployment-target iOS18" in done.left_out["coreml-int4"]
    assert [one.latency_s for one in done.candidates] == [()]
    assert read_bundle(tmp_path / "out").manifest.recipe.target == "coreml"


MISTAKES = {
    "a negative budget": (["--max-drop", "-1"], "--max-drop -1.0"),
    "a budget that is no number": (["--max-drop", "nan"], "--max-drop nan"),
    "nothing left to decide": (["--holdout", "1"], "--holdout 1.0"),
    "an option of no target asked for": (["--sequence-length", "64"], "of coreml and coreai and litert alone"),
    "an unknown target": (["--target", "tflite"], "known: onnx"),
    "a record in no folder": (["--record", "no/such/file"], "cannot be written"),
    "rows to learn from that judge": (["--finetune-codes", "DATA"], "judged by what it learnt"),
    "a pattern without a weight": (["--keep", "nothing.*"], "matches no weight"),
}


@pytest.mark.parametrize(("arguments", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_and_leaves_nothing(checkpoint, data, tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    given = [str(data) if argument == "DATA" else argument for argument in arguments]
    assert main(["tune", str(checkpoint), "--data", str(data), *given, "-o", "out"]) == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_a_destination_in_use_is_refused_before_any_work(checkpoint, data, tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert main(["tune", str(checkpoint), "--data", str(data), "-o", str(tmp_path)]) == 2
    assert "not empty" in capsys.readouterr().err


def test_ctrl_c_leaves_nothing(checkpoint, data, tmp_path):
    (tmp_path / "scratch").mkdir()
    child = subprocess.Popen(
        [sys.executable, "-m", "exporter", "tune", str(checkpoint), "--data", str(data), "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path / "scratch")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    for line in child.stderr:
        if "onnx-none" in line:  # the first candidate is there
            break
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT
    assert [path.name for path in tmp_path.iterdir()] == ["scratch"]
    assert not list((tmp_path / "scratch").glob("bertport*"))


UNTIMED = "no clock in this test"


@pytest.mark.parametrize("untimed", ["", UNTIMED])
def test_a_choice_says_where_latency_had_no_say(
    checkpoint, data, tmp_path, without_times, monkeypatch, capsys, untimed
):
    """As for Core ML off a Mac; the control is a host that has times."""
    schemes(monkeypatch, "none", "fp16")
    monkeypatch.setitem(BACKENDS, "onnx", replace(BACKENDS["onnx"], cannot_time_here=lambda: untimed))
    words = ["tune", str(checkpoint), "--data", str(data), "--max-drop", "100", "-o", str(tmp_path / "out")]
    (tmp_path / "records").mkdir()
    assert main([*words, "--record", str(tmp_path / "records" / "tune.json")]) == 0
    told = capsys.readouterr().out
    assert bool(without_times) == (not untimed)
    (choice,) = json.loads((tmp_path / "records" / "tune.json").read_text())["chosen"]
    assert choice["untimed"] == untimed
    assert ("fastest" in choice["why"]) == (not untimed)
    line = f"was not timed, so latency had no say: {UNTIMED}"
    assert (line.replace("was ", "") in told) == bool(untimed)
    assert main(["report", str(tmp_path / "records"), "-o", str(tmp_path / "report")]) == 0
    pages = [path.read_text("utf-8") for path in (tmp_path / "report").iterdir() if path.suffix in (".html", ".md")]
    assert [line in page for page in pages] == [bool(untimed)] * len(pages)
