"""A repository of bundles: where its files lie, what its card says, and how it is uploaded."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporter.cli.main import main
from runtimes.bundle.reading import sha256

ROOT = Path(__file__).parents[3]
HARNESS = ROOT / "tests" / "exporter" / "appkit" / "web" / "harness" / "transformers.mjs"
NAMES = ("onnx-none", "onnx-int8", "onnx-pq", "coreml-int8")


def publish(bundles, place, *more, names=NAMES):
    paths = [str(bundles / name) for name in names]
    return main(["publish", *paths, "--repo", "me/news", "--license", "mit", "-o", str(place), *more])


def as_a_command(bundles, place, *more):
    paths = [str(bundles / name) for name in NAMES]
    command = [sys.executable, "-m", "exporter", "publish", *paths, "--repo", "me/news", "-o", str(place), *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def head_of(place):
    return yaml.safe_load((place / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_files_lie_where_others_look_for_them(bundles, tmp_path):
    assert publish(bundles, tmp_path / "staged") == 0
    staged = tmp_path / "staged"
    assert {path.name for path in (staged / "onnx").iterdir()} == {
        "model.onnx",
        "model_quantized.onnx",
        "model_int8.onnx",
        "model_pq.onnx",
    }
    assert sha256(staged / "onnx" / "model_int8.onnx") == sha256(bundles / "onnx-int8" / "model.onnx")
    weights = "Model.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    assert sha256(staged / "coreml" / "int8" / weights) == sha256(bundles / "coreml-int8" / weights)
    for name in NAMES:
        for record in ("bertport.json", "parity.json", "golden.json", "sbom.cdx.json"):
            assert sha256(staged / "bertport" / name / record) == sha256(bundles / name / record)
    assert (staged / "tokenizer.json").is_file()
    assert json.loads((staged / "config.json").read_text())["transformers.js_config"] == {"dtype": "fp32"}
    assert not list(staged.rglob("model.mapped.onnx"))


def test_a_scheme_that_others_have_no_name_for_gets_none(bundles, tmp_path):
    assert publish(bundles, tmp_path / "staged", names=("onnx-pq",)) == 0
    assert [path.name for path in (tmp_path / "staged" / "onnx").iterdir()] == ["model_pq.onnx"]
    assert "transformers.js_config" not in json.loads((tmp_path / "staged" / "config.json").read_text())
    assert "library_name" not in head_of(tmp_path / "staged")


def test_the_card_has_the_hubs_metadata_and_every_figure(bundles, tmp_path):
    assert publish(bundles, tmp_path / "staged", "--base-model", "owner/base") == 0
    head, card = head_of(tmp_path / "staged"), (tmp_path / "staged" / "README.md").read_text(encoding="utf-8")
    assert head["license"] == "mit"
    assert head["base_model"] == "owner/base"
    assert head["library_name"] == "transformers.js"
    assert head["pipeline_tag"] == "text-classification"
    assert "coreml" in head["tags"]
    largest = json.loads((bundles / "coreml-int8" / "parity.json").read_text())["max_absolute"]
    assert f"| pass, simulated | {largest:.2g} |" in card
    assert card.count("| pass, measured |") == 3


def test_an_evaluation_is_on_the_card_and_in_the_model_index(bundles, checkpoint_of, tmp_path):
    rows = tmp_path / "rows.csv"
    labels = json.loads((bundles / "onnx-int8" / "bertport.json").read_text())["labels"]
    rows.write_text("text,label\n" + "".join(f"the cat runs {n},{labels[n % len(labels)]}\n" for n in range(12)))
    record = tmp_path / "evaluation.json"
    source = str(checkpoint_of("bert", "text-classification"))
    evaluate = ["evaluate", str(bundles / "onnx-int8"), "--checkpoint", source, "--data", str(rows), "-o", str(record)]
    assert main(evaluate) == 0
    assert publish(bundles, tmp_path / "staged", "--evaluation", str(record)) == 0
    (result,) = head_of(tmp_path / "staged")["model-index"][0]["results"]
    (metric,) = result["metrics"]
    found = json.loads(record.read_text())
    assert metric["value"] == found["exported"]["figures"][found["metric"]]
    assert "onnx-int8, measured" in metric["name"]
    assert f"{found['drop_points']:+.2f} |" in (tmp_path / "staged" / "README.md").read_text(encoding="utf-8")
    assert publish(bundles, tmp_path / "other", "--evaluation", str(record), names=("onnx-none",)) == 2


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("onnx-none", "onnx-none"), "there are two such bundles"),
        (("onnx-none", "another"), "expected the checkpoint of"),
        (("failing",), "expected a bundle that passed parity, found fail"),
        (("nowhere",), "nowhere"),
    ],
)
def test_bundles_that_do_not_belong_together_are_refused(bundles, make_checkpoint, tmp_path, names, said, capsys):
    here = tmp_path / "bundles"
    shutil.copytree(bundles, here, ignore=lambda _, found: [one for one in found if one.startswith("coreml")])
    other = str(make_checkpoint("other", seed=9))
    assert main(["export", other, "-o", str(here / "another"), "--max-relative", "1"]) == 0
    main(["export", other, "--quantize", "int8", "--atol", "0", "--keep-failing", "-o", str(here / "failing")])
    capsys.readouterr()
    assert publish(here, tmp_path / "staged", names=names) in (2, 3)
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "staged").exists()


def test_a_changed_bundle_is_refused(bundles, tmp_path, capsys):
    here = shutil.copytree(bundles / "onnx-none", tmp_path / "onnx-none")
    (here / "tokenizer.json").write_text("{}")
    assert publish(tmp_path, tmp_path / "staged", names=("onnx-none",)) == 3
    assert "tokenizer.json" in capsys.readouterr().err


@pytest.mark.parametrize("repo", ["news", "a/b/c", "../x", "a b/c", "me/"])
def test_a_repository_is_an_owner_and_a_name(bundles, tmp_path, repo, capsys):
    assert main(["publish", str(bundles / "onnx-none"), "--repo", repo, "-o", str(tmp_path / "staged")]) == 2
    assert "expected owner/name" in capsys.readouterr().err


def test_a_folder_in_use_is_refused_and_what_was_staged_goes_on(bundles, tmp_path, capsys):
    place = tmp_path / "staged"
    assert publish(bundles, place) == 0
    (place / "README.md").write_text("mine")
    assert publish(bundles, place) == 0
    assert (place / "README.md").read_text() == "mine"
    assert publish(bundles, place, names=("onnx-none",)) == 2
    assert "one that was staged of the same bundles" in capsys.readouterr().err


def test_nothing_is_sent_unless_asked(bundles, tmp_path, hub):
    done = as_a_command(bundles, tmp_path / "staged")
    assert done.returncode == 0, done.stderr
    assert "nothing was sent" in done.stdout
    assert (hub.repos, hub.commits, hub.uploads) == ({}, [], [])


@pytest.mark.parametrize("way", ["--push", "--create-pr"])
def test_the_folder_is_uploaded_in_one_commit(bundles, tmp_path, hub, way):
    done = as_a_command(bundles, tmp_path / "staged", way, "--private")
    assert done.returncode == 0, done.stderr
    staged = tmp_path / "staged"
    assert hub.files.keys() == {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
    assert hub.files["onnx/model.onnx"] == (bundles / "onnx-none" / "model.onnx").read_bytes()
    assert hub.repos == {"me/news": True}
    assert [one["pr"] for one in hub.commits] == [way == "--create-pr"]
    assert ("/discussions/1" if way == "--create-pr" else "/commit/") in done.stdout
    assert hub.token not in done.stdout + done.stderr


def test_an_upload_that_broke_off_goes_on(bundles, tmp_path, hub):
    hub.broken_after = 3
    done = as_a_command(bundles, tmp_path / "staged", "--push")
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("bertport: me/news: the Hub was not reached, or not to the end")
    assert hub.commits == []
    hub.broken_after, first = None, set(hub.uploads)
    done = as_a_command(bundles, tmp_path / "staged", "--push")
    assert done.returncode == 0, done.stderr
    assert len(hub.commits) == 1
    assert first
    assert not first & set(hub.uploads[3:])


def test_a_wrong_token_is_said_and_not_shown(bundles, tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    done = as_a_command(bundles, tmp_path / "staged", "--push")
    assert done.returncode == 3
    assert "the Hub answered 401; log in with a token that may write" in done.stderr
    assert "hf_wrong" not in done.stdout + done.stderr
    assert hub.commits == []


def test_a_hub_out_of_reach_is_one_line(bundles, tmp_path, hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = as_a_command(bundles, tmp_path / "staged", "--push")
    assert done.returncode == 3
    assert "was not reached" in done.stderr.splitlines()[-1]


@pytest.mark.skipif(not (ROOT / ".npm" / "made").is_file() and not os.environ.get("CI"), reason="make npm-packages")
def test_transformers_js_runs_the_staged_folder_as_it_is(bundles, tmp_path):
    assert publish(bundles, tmp_path / "models" / "model", names=("onnx-none", "onnx-int8")) == 0
    script, asked = tmp_path / "transformers.mjs", tmp_path / "texts.json"
    shutil.copy(HARNESS, script)
    (tmp_path / "node_modules").symlink_to(ROOT / ".npm" / "node_modules")
    golden = json.loads((bundles / "onnx-none" / "golden.json").read_text())["vectors"]
    texts = [one["text"] for one in golden if isinstance(one.get("text"), str)]
    asked.write_text(json.dumps(texts))
    command = ["node", script, tmp_path / "models", "text-classification", asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["files"] == ["onnx/model.onnx"]
    labels = json.loads((bundles / "onnx-none" / "bertport.json").read_text())["labels"]
    best = [labels[one["logits"].index(max(one["logits"]))] for one in golden if isinstance(one.get("text"), str)]
    assert [answer[0]["label"] for answer in found["answers"]] == best
