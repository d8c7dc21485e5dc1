"""`verify --strict` follows a bundle from its source to its last byte, and the bill of materials says what both are."""

import json
import shutil
from dataclasses import replace

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from exporter.bundling.sbom import bill_of_materials
from exporter.bundling.staging import write_manifest
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.bundle.manifest import SBOM
from runtimes.bundle.reading import hash_files, read_bundle, sha256


@pytest.fixture
def made(checkpoint, tmp_path):
    """An unverified bundle with a memory-mapped variant."""
    export(Request(str(checkpoint), schemes=("int8",), destination=tmp_path / "made", verify=False))
    return tmp_path / "made"


def strict(place, checkpoint, *arguments):
    return main(["verify", str(place), "--checkpoint", str(checkpoint), "--strict", "--max-relative", "1", *arguments])


def sealed(place, **changes):
    """Give the manifest the hashes of the files as they are now: a forger would."""
    manifest = replace(read_bundle(place).manifest, **changes)
    bill = {name: digest for name, digest in hash_files(place).items() if name != SBOM}
    (place / SBOM).write_bytes(bill_of_materials(manifest, bill))
    write_manifest(place, replace(manifest, files=hash_files(place)))


@pytest.mark.parametrize("target", ["onnx", "coreml"])
@pytest.mark.parametrize("scheme", ["int8", "pq"])
def test_what_the_checkpoint_gives_passes(target, scheme, checkpoint, tmp_path, capsys):
    export(Request(str(checkpoint), (target,), (scheme,), tmp_path / "made", verify=False))
    assert strict(tmp_path / "made", checkpoint, "--min-agreement", "0") == 0
    said = capsys.readouterr().err
    assert "byte for byte" in said
    assert SBOM in said


@pytest.mark.parametrize(("target", "options"), [("onnx", {}), ("coreml", {}), ("litert", {"mediapipe": True})])
def test_a_checkpoint_under_another_name_passes(target, options, checkpoint, tmp_path, capsys):
    """A package and MediaPipe's metadata say the name that the export knew it by."""
    settings = Settings.of(**options)
    export(Request(str(checkpoint), (target,), ("int8",), tmp_path / "made", verify=False, settings=settings))
    elsewhere = shutil.copytree(checkpoint, tmp_path / "elsewhere")
    assert strict(tmp_path / "made", elsewhere, "--min-agreement", "0") == 0, capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "config.json"])
def test_a_forged_file_is_found_though_every_hash_fits(name, made, checkpoint, capsys):
    content = bytearray((made / name).read_bytes())
    place = len(content) // 2
    content[place] ^= 1
    (made / name).write_bytes(content)
    sealed(made)
    assert strict(made, checkpoint) == 3
    assert f"{name} are not what this bertport makes of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("forged", "words"),
    [
        ({"labels": ("good", "bad", "ugly")}, "labels are not the checkpoint's"),  # plain `verify` finds it too
        ({"pad_id": 1}, "pad_id of bertport.json"),
    ],
)
def test_a_manifest_that_says_otherwise_is_found(forged, words, made, checkpoint, capsys):
    sealed(made, **forged)
    assert strict(made, checkpoint) == 3
    assert words in capsys.readouterr().err


def test_a_bill_that_says_otherwise_is_found(made, checkpoint, capsys):
    bill = json.loads((made / SBOM).read_text())
    bill["metadata"]["component"]["name"] = "another"
    (made / SBOM).write_text(json.dumps(bill))
    write_manifest(made, replace(read_bundle(made).manifest, files=hash_files(made)))
    assert strict(made, checkpoint) == 3
    assert SBOM in capsys.readouterr().err


def test_a_file_that_nobody_lists_is_found(made, checkpoint, capsys):
    (made / "more.txt").write_text("x")
    assert strict(made, checkpoint) == 3
    assert "not in the manifest: more.txt" in capsys.readouterr().err


def test_codes_that_texts_weighed_need_those_texts(checkpoint, texts_file, tmp_path, capsys):
    made = tmp_path / "made"
    arguments = ["export", str(checkpoint), "--quantize", "pq", "--frequency-from", str(texts_file), "--no-verify"]
    assert main([*arguments, "-o", str(made)]) == 0
    loose = ("--min-agreement", "0")
    assert strict(made, checkpoint, *loose) == 4
    assert "--frequency-from" in capsys.readouterr().err
    assert strict(made, checkpoint, "--frequency-from", str(texts_file), *loose) == 0


def test_a_vocabulary_that_was_cut_is_cut_again(checkpoint, texts_file, tmp_path):
    made = tmp_path / "made"
    arguments = ["export", str(checkpoint), "--quantize", "int8", "--trim-vocabulary", str(texts_file), "--no-verify"]
    assert main([*arguments, "-o", str(made)]) == 0
    assert strict(made, checkpoint, "--min-agreement", "0") == 0


def test_the_bill_is_cyclonedx_and_lists_every_file(made):
    content = (made / SBOM).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content) is None
    assert (
        JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.replace('"machine-learning-model"', '"spell"'))
        is not None
    )
    bill = json.loads(content)
    files = {one["name"]: one["hashes"][0]["content"] for one in bill["metadata"]["component"]["components"]}
    shipped = {path.relative_to(made).as_posix(): sha256(path) for path in made.rglob("*") if path.is_file()}
    assert files == {name: digest for name, digest in shipped.items() if name not in (SBOM, "bertport.json")}
    checkpoint, *libraries = bill["components"]
    manifest = read_bundle(made).manifest
    assert {one["name"]: one["hashes"][0]["content"] for one in checkpoint["components"]} == manifest.source_sha256
    stated = {one["name"]: one["version"] for one in libraries}
    assert stated == {name: found for name, found in manifest.versions.items() if name != "bertport"}
