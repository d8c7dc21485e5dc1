"""What no kit is made of, and what is left then: one line, an exit code, nothing on disk."""

import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from exporter.cli import main
from exporter.verification import Limit


def kit(bundle, place, *more):
    return main(["app-kit", str(bundle), "--platform", "ios", "-o", str(place), *more])


@pytest.fixture
def refused(tmp_path, capsys):
    """Run, expect a code and words in one line, and nothing at the place."""

    def check(bundle, code, words, *more, place="Kit"):
        capsys.readouterr()
        assert kit(bundle, tmp_path / place, *more) == code
        lines = [line for line in capsys.readouterr().err.splitlines() if ": reading " not in line]
        assert len(lines) == 1
        assert words in lines[0]
        assert not (tmp_path / place).exists()

    return check


@pytest.fixture
def bundle(checkpoint, make_bundle):
    return make_bundle(checkpoint)


def test_a_kit_is_made_and_measured(bundle, tmp_path, capsys):
    assert kit(bundle, tmp_path / "Kit", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["directory"] == str(tmp_path / "Kit")
    assert record["model_bytes"] > 10_000
    assert record["other_bytes"] > 40_000


def test_what_failed_parity_is_refused_and_said_where_it_is_wanted(checkpoint, make_bundle, refused, tmp_path):
    failing = make_bundle(checkpoint, limit=Limit(max_absolute=1e-12), keep_failing=True)
    refused(failing, 3, "max_absolute")
    assert kit(failing, tmp_path / "Kit", "--even-failing") == 0
    readme = (tmp_path / "Kit" / "README.md").read_text()
    assert "WARNING: this model failed its parity check" in readme
    assert "max_absolute" in readme
    sources = tmp_path / "Kit" / "Sources" / "Kit"
    assert "// WARNING: this model failed its parity check" in (sources / "KitSettings.swift").read_text()
    assert json.loads((sources / "ModelFiles" / "kit.json").read_bytes())["parity"]["verdict"] == "fail"


def test_what_passed_carries_no_warning(bundle, tmp_path):
    assert kit(bundle, tmp_path / "Kit", "--even-failing") == 0
    assert not [
        path for path in (tmp_path / "Kit").rglob("*.[sm][wd]*") if path.is_file() and "WARNING" in path.read_text()
    ]


def test_what_was_never_compared_is_refused(checkpoint, make_bundle, refused):
    refused(make_bundle(checkpoint, verify=False), 3, "--no-verify")


def test_a_changed_bundle_is_refused(bundle, refused):
    with (bundle / "vocab.txt").open("ab") as file:
        file.write(b"more\n")
    refused(bundle, 3, "changed vocab.txt")


def test_a_bundle_of_another_target_is_refused(checkpoint, make_bundle, refused):
    refused(make_bundle(checkpoint, targets=("onnx",)), 2, "--target coreml")


def test_no_bundle_no_platform_no_name(bundle, refused, tmp_path):
    refused(tmp_path, 2, "not a bundle")
    refused(bundle, 2, "known: ios", "--platform", "symbian")
    refused(bundle, 2, "Swift module", place="123")


def test_a_folder_in_use_is_refused_and_left_alone(bundle, tmp_path, capsys):
    (tmp_path / "Kit").mkdir()
    (tmp_path / "Kit" / "mine.swift").write_text("mine")
    assert kit(bundle, tmp_path / "Kit") == 2
    assert "found it in use" in capsys.readouterr().err
    assert kit(bundle, bundle) == 2
    assert [path.name for path in (tmp_path / "Kit").iterdir()] == ["mine.swift"]


def test_another_tokenizer_than_wordpiece_is_refused_by_name(make_checkpoint, make_bundle, refused):
    folder = make_checkpoint()
    words = [line for line in (folder / "vocab.txt").read_text().splitlines() if line]
    byte_pairs = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, [], unk_token="[UNK]"))
    byte_pairs.pre_tokenizer = pre_tokenizers.Whitespace()
    byte_pairs.save(str(folder / "tokenizer.json"))
    refused(make_bundle(folder), 3, "its model is BPE, expected WordPiece")


def test_padding_on_the_left_is_refused(make_checkpoint, make_bundle, refused):
    folder = make_checkpoint()
    (folder / "tokenizer_config.json").write_text('{"padding_side": "left"}')
    refused(make_bundle(folder), 3, "padding_side left")
