"""What a name in a file may lead to."""

import os

import pytest

from exporter.checkpoint.weight_files import weight_files
from runtimes.bundle.integrity import is_file, is_folder, is_plain_path, strange_entries
from runtimes.errors import BundleError, CheckpointError
from runtimes.files.bounded_read import read_bounded

ON_WINDOWS = ["C:x", "C:/x", "model.onnx:stream", "NUL", "nul.json", "a/COM1.txt", "aux"]
"""Another drive, a second stream of a file, and devices, which are there in every folder."""


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a\\b", "", "a//b", "./a", "a\nb", "a/", *ON_WINDOWS]
)
def test_a_name_that_leads_elsewhere_is_no_plain_path(name):
    assert not is_plain_path(name)
    assert is_plain_path("Model.mlpackage/Data/com.apple.CoreML/model.mlmodel")


def test_a_name_too_long_for_the_disk_is_nothing(tmp_path):
    for name in ("x" * 5000, "\0"):
        assert not is_file(tmp_path / name)
        assert not is_folder(tmp_path / name)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "%s"}}' % ("x" * 5000))
    with pytest.raises(CheckpointError, match="missing shards"):
        weight_files(tmp_path, allow_pickle=False)


def test_links_and_pipes_are_strange(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_text("x")
    assert strange_entries(tmp_path) == []
    (tmp_path / "below" / "link").symlink_to(tmp_path / "below" / "file")
    (tmp_path / "folder").symlink_to(tmp_path / "below")
    os.mkfifo(tmp_path / "pipe")
    assert strange_entries(tmp_path) == ["below/link", "folder", "pipe"]


def test_what_has_no_end_or_no_size_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "large").write_bytes(bytes(11))
    for name in ("pipe", "zero", "large"):
        with pytest.raises(BundleError):
            read_bounded(tmp_path / name, 10, BundleError)
    (tmp_path / "large").write_bytes(bytes(10))
    assert read_bounded(tmp_path / "large", 10, BundleError) == bytes(10)
