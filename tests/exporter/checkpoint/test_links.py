"""A checkpoint's files lie in its folder, or where the hub's cache keeps them: links are judged at every depth."""

import json
import shutil

import pytest

from exporter.checkpoint import links as places
from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.links import is_below, refuse_links
from exporter.checkpoint.source import HubOptions, resolve
from runtimes.errors import BertportError, CheckpointError

SECRET = "machine example.org login me password hunter2"


def read(folder):
    return load(resolve(str(folder), HubOptions()))


@pytest.mark.parametrize("place", ["1_Pooling", "1_Pooling/deeper", "a/b/c/d/1_Pooling"])
def test_a_link_out_of_the_folder_is_never_followed_and_its_text_never_told(sentences, tmp_path, place):
    (tmp_path / "secret").write_text(SECRET)
    (sentences / place).mkdir(parents=True, exist_ok=True)
    (sentences / place / "config.json").unlink(missing_ok=True)
    (sentences / place / "config.json").symlink_to(tmp_path / "secret")
    modules = json.loads((sentences / "modules.json").read_text())
    modules[1]["path"] = place
    (sentences / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(CheckpointError, match="links that lead out") as error:
        read(sentences)
    assert "hunter2" not in str(error.value)


def test_a_folder_that_is_a_link_is_one_too(sentences, tmp_path):
    shutil.move(sentences / "1_Pooling", tmp_path / "elsewhere")
    (sentences / "1_Pooling").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CheckpointError, match="links that lead out of the folder are not followed: 1_Pooling"):
        read(sentences)


def test_the_hubs_cache_links_at_every_depth_to_its_blobs(sentences, tmp_path):
    repository = tmp_path / "models--acme--tiny"
    snapshot = repository / "snapshots" / "0123abcd"
    (repository / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(path for path in sentences.rglob("*") if path.is_file())):
        blob = repository / "blobs" / str(number)
        shutil.copy(path, blob)
        link = snapshot / path.relative_to(sentences)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    assert read(snapshot).task.name == "sentence-similarity"


def test_what_lies_in_folders_with_a_dot_is_nobodys_business(sentences, tmp_path):
    (sentences / ".venv" / "bin").mkdir(parents=True)
    (sentences / ".venv" / "bin" / "python").symlink_to("/usr/bin/env")
    refuse_links(sentences)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", ".git/x", "a/.hidden", "a\0b", "C:\\x", "a\\..\\x"])
def test_what_no_checkpoint_may_name(name, sentences):
    assert not is_below(name)
    modules = json.loads((sentences / "modules.json").read_text())
    modules[1]["path"] = name
    (sentences / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(BertportError):
        read(sentences)


@pytest.mark.parametrize("name", ["", ".", "1_Pooling", "a/b/1_Pooling", "2_Dense/"])
def test_what_a_checkpoint_may_name(name):
    assert is_below(name)


def test_a_folder_of_everything_is_no_checkpoint(sentences, monkeypatch):
    monkeypatch.setattr(places, "_MOST_ENTRIES", 3)
    with pytest.raises(CheckpointError, match="more than 3 files below it; pass a folder"):
        refuse_links(sentences)
