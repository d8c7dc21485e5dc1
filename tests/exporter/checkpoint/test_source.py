"""A name is a folder, a hub id, or the demo; and the hub gives only what is needed."""

import json
import shutil
import subprocess
import sys
import threading
from fnmatch import fnmatch
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from exporter.checkpoint import source
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import HubOptions, choose_model, resolve
from runtimes.errors import CheckpointError, UsageError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_without_a_model_the_folder_we_stand_in_is_taken(checkpoint, tmp_path):
    assert choose_model(checkpoint) == str(checkpoint)
    assert choose_model(tmp_path) == "demo"


def test_the_demo_is_in_the_package():
    found = load(resolve("demo", HubOptions()))
    assert found.labels == ("World", "Sports", "Business", "Sci/Tech")
    assert found.geometry.vocabulary == 30522
    assert sum(t.read().size for t in found.model.tensors.values()) == 4_386_436


@pytest.mark.parametrize("name", ["./nothing", "/nowhere/at/all", "a/b/c", "with space", "../x"])
def test_a_missing_folder_is_said_so(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"no such folder|expected a checkpoint folder"):
        resolve(name, HubOptions())


@pytest.mark.parametrize("name", ["", " ", "\n"])
def test_no_name_is_not_the_folder_we_stand_in(checkpoint, name, monkeypatch):
    monkeypatch.chdir(checkpoint)
    with pytest.raises(UsageError, match=r"MODEL: expected a checkpoint folder.*; name one"):
        resolve(name, HubOptions())
    assert resolve(".", HubOptions()).kind == "folder"


def test_a_file_is_no_checkpoint(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(UsageError, match="found a file"):
        resolve(str(tmp_path / "x"), HubOptions())


def test_offline_and_not_cached(tmp_path):
    with pytest.raises(CheckpointError, match="not in the hub cache"):
        resolve("owner/name", HubOptions(cache_dir=str(tmp_path), local_files_only=True))


def test_a_cached_snapshot_is_found_offline(checkpoint, tmp_path):
    repository = tmp_path / "models--owner--name"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.parent.mkdir(parents=True)
    snapshot.symlink_to(checkpoint)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    found = resolve("owner/name", HubOptions(cache_dir=str(tmp_path), local_files_only=True))
    assert (found.model, found.revision) == ("owner/name", COMMIT)
    assert load(found).geometry.hidden == 32


class Hub(BaseHTTPRequestHandler):
    """A stand-in for the hub's routes: a revision, its file list, and a file."""

    def __init__(self, folder, fetched, *arguments):
        self.folder, self.fetched = folder, fetched
        super().__init__(*arguments)

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        if self.path.startswith("/api/models/owner/name/revision/"):
            files = [{"rfilename": path.name} for path in sorted(self.folder.iterdir())]
            content = json.dumps({"id": "owner/name", "sha": COMMIT, "siblings": files}).encode()
        elif self.path.startswith("/api/models/owner/name/tree/"):
            sizes = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
            tree = [{"type": "file", "path": name, "size": size, "oid": name} for name, size in sizes.items()]
            content = json.dumps(tree).encode()
        else:
            name = self.path.rpartition("/")[2]
            path = self.folder / name
            if not self.path.startswith("/owner/name/resolve/") or not path.is_file():
                self.send_error(404)
                return
            content = path.read_bytes()
            if body:
                self.fetched.append(name)
        self.send_response(200)
        for key, value in (
            ("Content-Length", len(content)),
            ("ETag", f'"{hash(content) & 0xFFFFFFFF:x}"'),
            ("X-Repo-Commit", COMMIT),
        ):
            self.send_header(key, str(value))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(make_checkpoint, monkeypatch):
    folder, fetched = make_checkpoint("on_the_hub"), []
    for extra in ("pytorch_model.bin", "tf_model.h5", "notes.txt", "model.onnx"):
        (folder / extra).write_bytes(b"large")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hub, folder, fetched))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    yield fetched
    server.shutdown()
    server.server_close()
    thread.join()


def export(model, tmp_path, *options):
    """The command itself: huggingface_hub reads its variables when it is imported."""
    arguments = [model, "--no-verify", "-o", str(tmp_path / "out"), "--cache-dir", str(tmp_path / "cache"), *options]
    return subprocess.run([sys.executable, "-m", "exporter", *arguments], capture_output=True, text=True, check=False)


def test_the_hub_gives_only_what_is_needed(hub, tmp_path):
    done = export("owner/name", tmp_path, "--revision", "main")
    assert done.returncode == 0, done.stderr
    assert set(hub) == {"config.json", "model.safetensors", "vocab.txt"}
    manifest = json.loads((tmp_path / "out" / "bertport.json").read_text())
    assert (manifest["source_model"], manifest["source_revision"]) == ("owner/name", COMMIT)
    hub.clear()
    assert export("owner/name", tmp_path, "--local-files-only").returncode == 0
    assert not hub


def test_a_download_says_how_far_it_is_and_draws_nothing_itself(hub, tmp_path):
    done = export("owner/name", tmp_path, "--verbose")
    assert done.returncode == 0, done.stderr
    assert len(hub) == 3
    lines = [line for line in done.stderr.splitlines() if "Fetching 3 files" in line]
    assert lines[0].endswith("Fetching 3 files: 0 of 3")
    assert lines[-1].endswith("Fetching 3 files: 3 of 3")
    assert "\r" not in done.stderr
    assert "it/s" not in done.stderr


def test_offline_is_honoured(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    done = export("owner/name", tmp_path)
    assert done.returncode == 3
    assert "not in the hub cache" in done.stderr
    assert not hub


def test_a_hub_that_refuses_is_reported(hub, tmp_path):
    done = export("owner/other", tmp_path)
    assert done.returncode == 3
    assert done.stderr.count("bertport: ") == 1
    assert not (tmp_path / "out").exists()


def test_the_kept_rows_are_real_and_labelled():
    rows = [json.loads(line) for line in (source.DEMO_DIRECTORY / "test_rows.jsonl").read_text().splitlines()]
    assert len(rows) == 500
    assert {row["label"] for row in rows} == {0, 1, 2, 3}


def test_pickles_are_fetched_where_they_are_allowed_and_there_is_nothing_else(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(source, "_snapshot", lambda model, options, patterns: asked.append(patterns) or tmp_path)
    resolve("owner/name", HubOptions())
    resolve("owner/name", HubOptions(allow_pickle=True))
    assert [any("bin" in pattern for pattern in patterns) for patterns in asked] == [False, False, True]
    (tmp_path / "model.safetensors").write_bytes(b"")
    resolve("owner/name", HubOptions(allow_pickle=True))
    assert len(asked) == 4


def test_a_disk_that_takes_no_snapshot_is_told_in_one_line(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left\non device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", full)
    with pytest.raises(CheckpointError, match=r"the hub did not give it: .*No space left") as error:
        resolve("owner/name", HubOptions())
    assert "\n" not in str(error.value)


def test_links_in_a_circle_lead_nowhere(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint, tmp_path / "checkpoint")
    (folder / "one").symlink_to(folder / "other")
    (folder / "other").symlink_to(folder / "one")
    with pytest.raises(CheckpointError):
        load(resolve(str(folder), HubOptions()))


@pytest.mark.parametrize(
    "name",
    [
        "config_sentence_transformers.json",
        "sentence_bert_config.json",
        "sentence_roberta_config.json",
        "modules.json",
        "1_Pooling/config.json",
        "0_Transformer/tokenizer.json",
        "0_Transformer/model.safetensors",
        "config_setfit.json",
    ],
)
def test_what_stands_beside_a_model_is_fetched_with_it(monkeypatch, tmp_path, name):
    """A prompt or a length that is not fetched is not honoured."""
    asked = []

    def download(_model, allow_patterns, **_options):
        asked.extend(allow_patterns)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    resolve("owner/name", HubOptions())
    assert any(fnmatch(name, pattern) for pattern in asked)
    assert not any(fnmatch("model_head.pkl", pattern) for pattern in asked)
