"""A bundle for MediaPipe is compared like any other, and holds in its model what MediaPipe reads."""

import io
import zipfile

import pytest
from ai_edge_litert.interpreter import Interpreter

from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert.mediapipe.metadata import append_files
from exporter.targets.litert.target import TARGET
from exporter.targets.target import Settings
from runtimes.bundle.reading import read_bundle
from runtimes.errors import BundleError, LoweringError, UsageError
from runtimes.parity.compare import Verdict

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


def request(checkpoint, place, **settings):
    asked = Settings.of(**{"mediapipe": True, "sequence_lengths": (16,), **settings})
    return Request(str(checkpoint), ("litert",), destination=place, settings=asked)


@pytest.fixture(scope="module", params=["bert", "distilbert"])
def exported(request, checkpoint_of, tmp_path_factory):
    place = tmp_path_factory.mktemp(request.param) / "bundle"
    checkpoint = checkpoint_of(request.param, "text-classification")
    (done,) = export(globals()["request"](checkpoint, place))
    return checkpoint, done


def opened(directory):
    (signature,) = Interpreter(str(directory / "model.tflite")).get_signature_list().values()
    return signature


def test_parity_is_of_the_logits_that_lie_beside_the_scores(exported):
    _, done = exported
    assert done.parity.verdict is Verdict.PASS
    assert done.parity.max_absolute < 1e-4
    manifest = read_bundle(done.directory).manifest
    assert [(one.name, one.shape) for one in manifest.inputs] == [(name, (1, 16)) for name in INPUTS]


def test_a_model_has_the_three_inputs_that_it_is_given_and_two_outputs(exported):
    _, done = exported
    interpreter = Interpreter(str(done.directory / "model.tflite"))
    assert [one["name"] for one in interpreter.get_input_details()] == INPUTS
    assert [one["name"] for one in interpreter.get_output_details()] == ["score", "classifier"]
    assert opened(done.directory)["outputs"] == ["logits", "score"]


def test_its_files_are_those_of_the_bundle(exported):
    _, done = exported
    with zipfile.ZipFile(done.directory / "model.tflite") as archive:
        lines = (done.directory / "vocab.txt").read_text(encoding="utf-8").splitlines()
        last = [" " if line in lines[at + 1 :] else line for at, line in enumerate(lines)]  # of an entry there twice
        assert archive.read("vocab.txt").decode().splitlines() == last
        assert archive.read("labels.txt") == b"LABEL_0\nLABEL_1\nLABEL_2\n"
    TARGET.check_companions(read_bundle(done.directory))


def test_the_same_export_is_the_same_bytes(exported, tmp_path):
    checkpoint, done = exported
    (again,) = export(request(checkpoint, tmp_path / "again"))
    assert (again.directory / "model.tflite").read_bytes() == (done.directory / "model.tflite").read_bytes()


def without_files(content):
    return content[: content.index(b"PK\x03\x04")]


def with_files(content, **files):
    file = io.BytesIO(without_files(content))
    append_files(file, files)
    return file.getvalue()


def read_files(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


CHANGES = {
    "an entry": lambda content, files: content.replace(b"\ncat\n", b"\ncar\n"),
    "labels": lambda content, files: with_files(
        content, **files | {"labels.txt": files["labels.txt"].replace(b"1", b"7")}
    ),
    "a file more": lambda content, files: with_files(content, **files, more=b""),
    "a file less": lambda content, files: with_files(content, **{"vocab.txt": files["vocab.txt"]}),
    "longer": lambda content, files: with_files(content, **files | {"vocab.txt": files["vocab.txt"] + b"x\n"}),
    "none": lambda content, files: without_files(content),
}


@pytest.mark.parametrize("change", CHANGES)
def test_files_that_are_not_the_bundles_are_refused(exported, tmp_path, change):
    _, done = exported
    content = (done.directory / "model.tflite").read_bytes()
    for path in done.directory.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.tflite").write_bytes(CHANGES[change](content, read_files(content)))
    with pytest.raises(BundleError, match=r"model\.tflite: .*; export again"):
        TARGET.check_companions(read_bundle(tmp_path))


def test_the_same_files_again_pass(exported, tmp_path):
    """The control of the test's own rewriting."""
    _, done = exported
    content = (done.directory / "model.tflite").read_bytes()
    assert with_files(content, **read_files(content)) == content


def test_an_embedding_is_its_only_output(checkpoint_of, tmp_path):
    (done,) = export(request(checkpoint_of("bert", "sentence-similarity"), tmp_path / "bundle"))
    assert done.parity.verdict is Verdict.PASS
    assert opened(done.directory)["outputs"] == ["sentence_embedding"]
    assert list(read_files((done.directory / "model.tflite").read_bytes())) == ["vocab.txt"]


def test_the_card_says_how_it_is_loaded(exported, checkpoint_of, tmp_path):
    _, done = exported
    (embeds,) = export(request(checkpoint_of("bert", "sentence-similarity"), tmp_path / "bundle"))
    for directory, task, heads in ((done.directory, "TextClassifier", True), (embeds.directory, "TextEmbedder", False)):
        card = (directory / "README.md").read_text()
        assert f"from mediapipe.tasks.python.text import {task}\n" in card
        assert ("`score`" in card) is heads


def test_without_it_a_model_has_none_of_that(checkpoint_of, tmp_path):
    checkpoint = checkpoint_of("distilbert", "text-classification")
    (done,) = export(request(checkpoint, tmp_path / "bundle", mediapipe=False))
    assert opened(done.directory) == {"inputs": sorted(INPUTS[:2]), "outputs": ["logits"]}
    assert b"PK\x03\x04" not in (done.directory / "model.tflite").read_bytes()
    assert "MediaPipe" not in (done.directory / "README.md").read_text()


def test_texts_that_differ_are_said(checkpoint_of, tmp_path, said):
    texts = ["the cat runs", "a café falls", "the dog wins"]
    asked = request(checkpoint_of("bert", "text-classification"), tmp_path / "bundle")
    export(Request(asked.model, asked.targets, destination=asked.destination, settings=asked.settings, texts=texts))
    (line,) = [line for line in said if "MediaPipe" in line]
    assert line.startswith("litert-none: MediaPipe tokenizes 1 of 3 texts differently")
    assert "'a café falls'" in line


def test_what_it_cannot_do_is_refused_before_anything_is_written(checkpoint_of, tmp_path):
    for family, lengths, error in (("bert", (16, 32), UsageError), ("roberta", (16,), LoweringError)):
        with pytest.raises(error, match="--mediapipe: "):
            export(request(checkpoint_of(family, "text-classification"), tmp_path / "no", sequence_lengths=lengths))
    assert not (tmp_path / "no").exists()
