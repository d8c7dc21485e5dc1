"""What no kit is made of, and what is left then: one line, an exit code, nothing on disk."""

import json
from dataclasses import replace

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from exporter.appkit.registry import PLATFORMS
from exporter.bundling.staging import write_manifest
from exporter.cli.main import main
from exporter.verification.check import Limit
from runtimes.bundle.reading import hash_files, read_bundle

KITS = [(name, target) for name, one in PLATFORMS.items() for target in one.targets]


def kit(bundle, place, *more, platform="ios"):
    return main(["app-kit", str(bundle), "--platform", platform, "-o", str(place), *more])


@pytest.fixture
def make_for(make_bundle):
    """A bundle of a checkpoint for a platform, of the first target that it takes if none is said."""

    def make(platform, checkpoint, target=None, **changes):
        return make_bundle(checkpoint, targets=(target or PLATFORMS[platform].targets[0],), **changes)

    return make


@pytest.fixture
def refused(tmp_path, capsys):
    """Run, expect a code and words in one line, and nothing at the place."""

    def check(bundle, code, words, *more, place="Kit", platform="ios"):
        capsys.readouterr()
        assert kit(bundle, tmp_path / place, *more, platform=platform) == code
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


CODE = {
    "ios": "Sources/Kit/Tasks/TextClassifier.swift",
    "web": "bertkit/index.js",
    "android": "src/main/kotlin/dev/bertport/kit/Tasks.kt",
}


@pytest.mark.parametrize(("platform", "target"), KITS)
def test_what_failed_parity_is_refused_and_said_where_it_is_wanted(
    platform, target, checkpoint, make_for, refused, tmp_path
):
    failing = make_for(platform, checkpoint, target, limit=Limit(max_absolute=1e-12), keep_failing=True)
    refused(failing, 3, "max_absolute", platform=platform)
    place = tmp_path / "Kit"
    assert kit(failing, place, "--even-failing", platform=platform) == 0
    readme = (place / "README.md").read_text()
    assert "WARNING: this model failed its parity check" in readme
    assert "max_absolute" in readme
    assert (place / CODE[platform]).read_text().startswith("// WARNING: this model failed its parity check")
    assert json.loads(next(place.rglob("kit.json")).read_bytes())["parity"]["verdict"] == "fail"


@pytest.mark.parametrize(("platform", "target"), KITS)
def test_what_passed_carries_no_warning(platform, target, checkpoint, make_for, tmp_path):
    assert kit(make_for(platform, checkpoint, target), tmp_path / "Kit", "--even-failing", platform=platform) == 0
    texts = [path for path in (tmp_path / "Kit").rglob("*") if path.suffix in (".md", ".swift", ".js", ".kt")]
    assert len(texts) > 10
    assert not [path for path in texts if "WARNING" in path.read_text()]


def test_what_was_never_compared_is_refused(checkpoint, make_bundle, refused):
    refused(make_bundle(checkpoint, verify=False), 3, "--no-verify")


def test_a_changed_bundle_is_refused(bundle, refused):
    with (bundle / "vocab.txt").open("ab") as file:
        file.write(b"more\n")
    refused(bundle, 3, "changed vocab.txt")


def test_a_bundle_of_another_target_is_refused(bundle, checkpoint, make_bundle, refused):
    refused(make_bundle(checkpoint, "other", targets=("onnx",)), 2, "of target coreml or coreai for --platform ios")
    words = "expected a bundle of target onnx or litert for --platform android, found coreml; bertport export MODEL"
    refused(bundle, 2, words, platform="android")


def test_no_bundle_no_platform_no_name(bundle, refused, tmp_path):
    refused(tmp_path, 2, "not a bundle")
    refused(bundle, 2, "known: ios", "--platform", "symbian")
    refused(bundle, 2, "Swift module", place="123")


@pytest.mark.parametrize("platform", [name for name, one in PLATFORMS.items() if one.check_package is None])
def test_a_package_is_refused_where_code_has_none(platform, checkpoint, make_for, refused):
    refused(make_for(platform, checkpoint), 2, "has no package", "--package", "com.example.news", platform=platform)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_folder_in_use_is_refused_and_left_alone(platform, checkpoint, make_for, tmp_path, capsys):
    bundle = make_for(platform, checkpoint)
    (tmp_path / "Kit").mkdir()
    (tmp_path / "Kit" / "mine").write_text("mine")
    for place in (tmp_path / "Kit", bundle):
        assert kit(bundle, place, platform=platform) == 2
        assert "found it in use" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "Kit").iterdir()] == ["mine"]


def write_byte_pairs(folder):
    words = [line for line in (folder / "vocab.txt").read_text().splitlines() if line]
    byte_pairs = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, [], unk_token="[UNK]"))
    byte_pairs.pre_tokenizer = pre_tokenizers.Whitespace()
    byte_pairs.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    byte_pairs.save(str(folder / "tokenizer.json"))
    # transformers builds a BertTokenizer anew from vocab.txt, whatever tokenizer.json holds
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')


def write_left_padding(folder):
    (folder / "tokenizer_config.json").write_text('{"padding_side": "left"}')


OTHER_TOKENIZERS = [
    (write_byte_pairs, "its model is BPE, expected WordPiece"),
    (write_left_padding, "padding_side left"),
]


@pytest.mark.parametrize("platform", [name for name, one in PLATFORMS.items() if one.emit_model is None])
@pytest.mark.parametrize(("write", "words"), OTHER_TOKENIZERS)
def test_another_tokenizer_is_refused_by_name_with_what_to_do(
    platform, write, words, make_checkpoint, make_for, refused
):
    folder = make_checkpoint()
    write(folder)
    refused(make_for(platform, folder), 3, words, platform=platform)


@pytest.mark.parametrize(("write", "words"), OTHER_TOKENIZERS)
def test_for_the_web_another_tokenizer_becomes_a_folder_for_transformers_js_alone(
    write, words, make_checkpoint, make_for, tmp_path
):
    folder = make_checkpoint()
    write(folder)
    assert kit(make_for("web", folder), tmp_path / "Kit", platform="web") == 0
    assert {path.name for path in (tmp_path / "Kit").iterdir()} == {"README.md", "model"}
    assert words in (tmp_path / "Kit" / "README.md").read_text()
    assert (tmp_path / "Kit" / "model" / "onnx" / "model.onnx").is_file()


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "[]"])
def test_records_that_cannot_be_read_are_refused(bundle, refused, content):
    (bundle / "parity.json").write_text(content)
    manifest = read_bundle(bundle).manifest
    write_manifest(bundle, replace(manifest, files=hash_files(bundle)))
    refused(bundle, 3, "parity.json: expected an object" if content == "[]" else "parity.json: cannot be read")
