"""The manifest by itself, made by hand: what is written is read, and a refusal says what is wrong and what to do."""

import json
import os
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from exporter.bundling.staging import check_destination, write_manifest
from runtimes.bundle import reading
from runtimes.bundle.integrity import SEAL
from runtimes.bundle.manifest import MANIFEST, MAPPED, SEQUENCE, Budget, Finetuning, Manifest, Recipe, TensorSpec
from runtimes.bundle.reading import Bundle, check_files, hash_files, read_bundle, sealed, sha256
from runtimes.errors import BundleError, UsageError
from runtimes.files.json_text import to_json

EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
WORDS = {"naïve": [1, 2.5], "b": None}


@pytest.fixture
def manifest():
    return Manifest(
        source_kind="folder",
        source_model="tiny",
        source_revision=None,
        source_sha256={"config.json": "ab"},
        architecture="BertForSequenceClassification",
        problem="single_label_classification",
        labels=("no", "yes"),
        recipe=Recipe(
            "onnx", "int8", "classification", {"opset": 17, "sequence_lengths": (16, 64)}, ("layer.0.*=int8",)
        ),
        models=("model.onnx",),
        budget=Budget(max_relative=0.1, min_agreement=0.97),
        inputs=(TensorSpec("input_ids", "int32", ("batch_size", SEQUENCE)),),
        outputs=(TensorSpec("logits", "float32", ("batch_size", 2)), TensorSpec("x", "float32", (1, SEQUENCE, 2))),
        versions={"bertport": "1"},
        files={},
    )


@pytest.fixture
def finetuning():
    return Finetuning("ab", 9, 1, 3, 2, 0, ("embeddings.word.weight",), {"loss": 0.2}, {"loss": 0.1})


@pytest.fixture
def folder(manifest, tmp_path):
    """A bundle of a model in a folder and two files."""
    place = tmp_path / "made"
    (place / "model" / "below").mkdir(parents=True)
    (place / "model" / "weights").write_bytes(b"12345")
    (place / "model" / "below" / "spec").write_bytes(b"123")
    (place / "vocab.txt").write_text("[PAD]")
    write_manifest(place, replace(manifest, models=("model",), files=hash_files(place)))
    return place


def refused(action, error=BundleError):
    """What an action is refused with, in full."""
    with pytest.raises(error) as caught:
        action()
    return str(caught.value)


def rewrite(folder, change):
    """Put another manifest in the place of a folder's, without a new seal."""
    raw = json.loads((folder / MANIFEST).read_text())
    change(raw)
    (folder / MANIFEST).write_text(json.dumps(raw))


def test_json_is_the_same_for_the_same_and_read_by_people_too():
    assert to_json(WORDS) == '{\n  "naïve": [\n    1,\n    2.5\n  ],\n  "b": null\n}\n'.encode()
    for number in ("nan", "inf"):
        with pytest.raises(ValueError, match="not JSON compliant"):
            to_json({"a": float(number)})


def test_hashes_are_of_every_file_but_the_manifest(folder):
    assert list(hash_files(folder)) == ["model/below/spec", "model/weights", "vocab.txt"]
    (folder / "empty").write_bytes(b"")
    assert sha256(folder / "empty") == EMPTY_SHA256
    assert hash_files(folder)["empty"] == EMPTY_SHA256


def test_a_seal_is_of_the_rest_in_its_order():
    once = sealed(WORDS)
    assert list(once) == ["naïve", "b", SEAL]
    assert once[SEAL] == "4e045c0d8d64e3ca8022a84a47b6bcac8d7636f2f77b6b60b689837cc9ea7c8c"
    assert sealed(once) == once
    assert sealed({**WORDS, "b": 1})[SEAL] != once[SEAL]


def test_what_is_written_is_read(manifest, finetuning, tmp_path):
    for number, one in enumerate((manifest, replace(manifest, finetuning=finetuning, max_tokens=24))):
        place = tmp_path / str(number)
        place.mkdir()
        write_manifest(place, one)
        assert read_bundle(place) == Bundle(place, one)
        check_files(read_bundle(place))


def test_a_manifest_from_before_weights_could_be_kept_is_read(folder, manifest):
    rewrite(folder, lambda raw: raw["recipe"].pop("keep"))
    assert read_bundle(folder).manifest.recipe == replace(manifest.recipe, keep=())


def test_a_bundle_names_its_parts(folder, manifest):
    found = read_bundle(folder)
    assert found.input_names == ("input_ids",)
    assert found.token_outputs == {"x"}
    assert found.identity == {
        "model": "tiny",
        "target": "onnx",
        "scheme": "int8",
        "manifest_sha256": sha256(folder / MANIFEST),
    }
    assert found.manifest.recipe.name == "onnx-int8"
    assert found.model_files == [folder / "model" / "below" / "spec", folder / "model" / "weights"]
    assert found.size_bytes == 8
    assert found.mapped_model == folder / "model"
    assert Bundle(folder, replace(manifest, files={MAPPED: "ab"})).mapped_model == folder / MAPPED


def test_what_is_no_bundle_and_what_to_pass_instead(tmp_path):
    said = refused(lambda: read_bundle(tmp_path), UsageError)
    assert said == f"{tmp_path}: not a bundle (no bertport.json); pass a folder that bertport export made"


def test_another_format_is_named_beside_ours(folder):
    rewrite(folder, lambda raw: raw.update(format_version=9))
    said = refused(lambda: read_bundle(folder))
    assert said == f"{folder / MANIFEST}: format version 9, this bertport reads 2; export again"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: raw.pop("format_version"), "KeyError('format_version')"),
        (lambda raw: raw.pop("budget"), "KeyError('budget')"),
        (lambda raw: raw.update(labels=3), "TypeError"),
        (lambda raw: raw.update(recipe=[]), "TypeError"),
        (lambda raw: raw.update(recipe="x"), "TypeError"),
        (lambda raw: raw.update(inputs=["x"]), "TypeError"),
        (lambda raw: raw["recipe"].update(surprise=1), "surprise"),
        (lambda raw: raw.update(surprise=1), "surprise"),
        (lambda raw: raw.update(finetuning={"trained": []}), "TypeError"),
        (lambda raw: raw.update(finetuning=[1]), "TypeError"),
    ],
)
def test_a_manifest_of_another_shape_is_refused_with_the_reason(folder, change, reason):
    rewrite(folder, change)
    said = refused(lambda: read_bundle(folder))
    assert said.startswith(f"{folder / MANIFEST}: not a manifest of format 2 (")
    assert reason in said
    assert said.endswith("); export again")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_no_object_is_refused(folder, content):
    (folder / MANIFEST).write_bytes(content)
    assert f"{folder / MANIFEST}: not a manifest of format 2 (" in refused(lambda: read_bundle(folder))


def test_a_manifest_is_read_up_to_its_bound_and_no_further(folder, monkeypatch):
    size = (folder / MANIFEST).stat().st_size
    monkeypatch.setattr(reading, "MAX_MANIFEST_BYTES", size)
    found = read_bundle(folder)
    check_files(found)
    monkeypatch.setattr(reading, "MAX_MANIFEST_BYTES", size - 1)
    said = f"{folder / MANIFEST}: {size:,} bytes, and at most {size - 1:,} are read: this is no such file; put "
    said += "the right one there"
    assert refused(lambda: read_bundle(folder)) == said
    assert refused(lambda: check_files(found)) == said


def test_what_is_changed_missing_and_added_is_listed(folder):
    (folder / "vocab.txt").write_text("[UNK]")
    (folder / "model" / "weights").unlink()
    (folder / "extra").write_text("")
    assert refused(lambda: check_files(read_bundle(folder))) == (
        f"{folder}: changed vocab.txt; missing model/weights; not in the manifest: extra. "
        "Export again, or restore the files"
    )


def test_where_links_and_pipes_lie_nothing_is_read(folder, monkeypatch):
    os.mkfifo(folder / "pipe")
    monkeypatch.setattr(reading, "hash_files", lambda _: pytest.fail("a file was read"))
    assert "neither a plain file nor a folder: pipe." in refused(lambda: check_files(read_bundle(folder)))


def test_a_manifest_without_its_seal_is_read_and_refused(folder):
    found = read_bundle(folder)
    rewrite(folder, lambda raw: raw.pop(SEAL))
    assert read_bundle(folder) == found
    assert "its seal does not fit" in refused(lambda: check_files(read_bundle(folder)))


def test_strange_entries_are_told_alone(folder, tmp_path):
    (folder / "vocab.txt").unlink()
    (folder / "vocab.txt").symlink_to(tmp_path)
    os.mkfifo(folder / "pipe")
    assert refused(lambda: check_files(read_bundle(folder))) == (
        f"{folder}: neither a plain file nor a folder: pipe; neither a plain file nor a folder: vocab.txt. "
        "Export again, or restore the files"
    )


def test_a_manifest_that_says_the_same_in_other_bytes_is_refused(folder):
    found = read_bundle(folder)
    (folder / MANIFEST).write_bytes((folder / MANIFEST).read_bytes() + b"\n")
    said = f"{folder / MANIFEST}: changed since it was written (its seal does not fit); export again"
    assert read_bundle(folder) == found
    assert refused(lambda: check_files(read_bundle(folder))) == said


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pad_id": "0"}, "pad_id"),  # a lax reader takes a number's text
        ({"budget": Budget(max_relative="0.1")}, "max_relative"),
        ({"budget": Budget(max_relative=float("nan"))}, "not JSON compliant"),
        ({"labels": ("\ud800", "yes")}, "surrogates not allowed"),
    ],
)
def test_a_sealed_manifest_with_values_of_another_kind_is_refused(folder, manifest, change, reason):
    forged = replace(manifest, files=hash_files(folder), **change)
    content = json.dumps(sealed_by_hand(forged), indent=2, ensure_ascii="labels" in change) + "\n"
    (folder / MANIFEST).write_text(content)
    said = refused(lambda: check_files(Bundle(folder, forged)))
    assert re.fullmatch(rf"{folder / MANIFEST}: not what an export writes \((.{{1,200}})\); export again", said)
    assert reason in said


def sealed_by_hand(manifest):
    try:
        return sealed(asdict(manifest))
    except ValueError:
        return asdict(manifest)


@pytest.mark.parametrize(
    ("models", "files", "found"),
    [
        (("../a",), {}, "'../a'"),
        (("model",), {"/b": "ab"}, "'/b'"),
        (("../a", "model"), {"/b": "ab", "c": "ab"}, "'../a', '/b'"),
        ((), {}, "none"),
        ((), {"c": "ab"}, "none"),
        (tuple(f"../{n}" for n in range(7)), {}, "'../0', '../1', '../2', '../3', '../4'"),
    ],
)
def test_names_that_lead_outside_are_listed(folder, manifest, models, files, found):
    write_manifest(folder, replace(manifest, models=models, files=files))
    said = f"{folder / MANIFEST}: expected files and models inside the bundle, found {found}; export again"
    assert refused(lambda: check_files(read_bundle(folder))) == said


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("file", "expected a folder to write, found a file or a link; pass another with -o"),
        ("link", "expected a folder to write, found a file or a link; pass another with -o"),
        ("dangling", "expected a folder to write, found a file or a link; pass another with -o"),
        ("full", "not empty and not a bundle; empty it or pass another folder with -o"),
        ("made/below", "lies in the bundle {place}/made, which would be changed; name a place outside of it"),
        ("file/below/it", "cannot be written in {place}/file; pass another folder with -o"),
    ],
)
def test_a_place_that_a_bundle_cannot_take(folder, tmp_path, place, said):
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    expected = f"{tmp_path / place}: {said.format(place=tmp_path)}"
    assert refused(lambda: check_destination(tmp_path / place), UsageError) == expected


def test_places_that_a_bundle_can_take(folder, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    for place in (folder, tmp_path / "empty", tmp_path / "new", tmp_path / "new" / "below"):
        check_destination(place)
    monkeypatch.chdir(tmp_path)
    check_destination(Path("new"))
    monkeypatch.chdir(folder)
    assert "lies in the bundle" in refused(lambda: check_destination(Path("new")), UsageError)


@pytest.mark.parametrize("missing", [os.W_OK, os.X_OK])
def test_a_folder_that_is_not_ours_to_write_is_refused(tmp_path, monkeypatch, missing):
    asked = []
    monkeypatch.setattr(os, "access", lambda path, rights: asked.append(path) or not rights & missing)
    said = refused(lambda: check_destination(tmp_path / "a" / "b"), UsageError)
    assert said == f"{tmp_path / 'a' / 'b'}: cannot be written in {tmp_path}; pass another folder with -o"
    assert asked == [tmp_path]
