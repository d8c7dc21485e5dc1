"""A bundle says what it is, and any change to it is seen."""

import json
import os

import pytest

from exporter.bundling.staging import check_destination
from exporter.options.request import Request
from exporter.pipeline import export
from runtimes.bundle import manifest as bundle
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BundleError, UsageError


def test_places_that_cannot_be_written_are_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(UsageError, match="found a file"):
        check_destination(file)
    with pytest.raises(UsageError, match="cannot be written"):
        check_destination(file / "below")
    with pytest.raises(UsageError, match="not empty"):
        check_destination(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="link"):
        check_destination(tmp_path / "link")


def test_a_bundle_takes_no_bundle_inside(made):
    with pytest.raises(UsageError, match="lies in the bundle"):
        check_destination(made / "onnx-int8")


@pytest.mark.parametrize("name", ["model.onnx", "config.json", "vocab.txt", "README.md"])
def test_a_changed_file_is_seen(made, name):
    found = read_bundle(made)
    check_files(found)
    content = bytearray((made / name).read_bytes())
    content[len(content) // 2] ^= 1
    (made / name).write_bytes(content)
    with pytest.raises(BundleError, match=f"changed {name}"):
        check_files(found)


def test_a_missing_and_an_added_file_are_seen(made):
    (made / "vocab.txt").unlink()
    (made / "extra").write_text("")
    with pytest.raises(BundleError, match=r"missing vocab\.txt; not in the manifest: extra"):
        check_files(read_bundle(made))


@pytest.mark.parametrize("change", [{"format_version": 99}, {"recipe": {}}, {"surprise": 1}, {"inputs": 3}])
def test_a_manifest_of_another_kind_is_refused(made, change):
    path = made / bundle.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(BundleError, match="export again"):
        read_bundle(made)


def test_a_folder_that_is_no_bundle(tmp_path):
    with pytest.raises(UsageError, match="not a bundle"):
        read_bundle(tmp_path)


def test_the_folder_has_the_users_permissions(made):
    mask = os.umask(0)
    os.umask(mask)
    assert made.stat().st_mode & 0o777 == 0o777 & ~mask


@pytest.mark.parametrize(("scheme", "name"), [("int8", "model.mapped.onnx"), ("none", "model.onnx")])
def test_the_door_is_what_maps_its_weights_where_the_bundle_has_it(scheme, name, tmp_path):
    export(Request("demo", schemes=(scheme,), destination=tmp_path / "made", verify=False))
    assert read_bundle(tmp_path / "made").mapped_model == tmp_path / "made" / name


def test_a_door_that_the_manifest_does_not_name_is_not_opened(made):
    (made / "model.mapped.onnx").write_bytes(b"x")
    assert read_bundle(made).mapped_model == made / "model.onnx"
