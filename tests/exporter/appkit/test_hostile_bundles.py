"""A bundle forged to look whole, hashes and seal too: a kit or one of our errors, and no text of it becomes code."""

import json
import random
import shutil

import pytest

from benchmarks.fuzz.mutate import changed_value
from exporter.appkit.making import Request, make_kit
from exporter.appkit.registry import PLATFORMS
from exporter.verification.check import Limit
from runtimes.bundle.manifest import MANIFEST
from runtimes.bundle.reading import hash_files, sealed
from runtimes.errors import BertportError
from runtimes.files.json_text import to_json

CODE = '"); import os; os.system("x") // ${ evil } \\(evil) </script><script>evil()</script> {onnxruntime}'
KITS = [(name, target) for name, one in PLATFORMS.items() for target in one.targets]
WIDE = Limit(max_absolute=1e9, max_relative=1e9, min_agreement=0.0)


def forged(bundle, folder, change):
    """A copy with one document changed, hashed and sealed again."""
    shutil.copytree(bundle, folder)
    for name in ("parity.json", "golden.json", "config.json", "tokenizer.json", "tokenizer_config.json", MANIFEST):
        path = folder / name
        path.write_text(json.dumps(change(name, json.loads(path.read_text()))))
    manifest = json.loads((folder / MANIFEST).read_text())
    if isinstance(manifest, dict):
        manifest = sealed(manifest | {"files": hash_files(folder)})
    (folder / MANIFEST).write_bytes(to_json(manifest))
    return folder


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, write_checkpoint):
    from exporter.options.request import Request as Export
    from exporter.pipeline import export
    from exporter.targets.target import Settings

    root = tmp_path_factory.mktemp("kits")
    checkpoint = write_checkpoint(root / "checkpoint")
    for target, settings in (
        ("onnx", Settings(options={"int32_inputs": False})),
        ("coreml", Settings(options={"sequence_lengths": (16,)})),
        ("coreai", Settings(options={"sequence_lengths": (16,)})),
        ("litert", Settings()),
    ):
        export(
            Export(
                str(checkpoint), (target,), destination=root / target, settings=settings, limit=WIDE, texts=("the cat",)
            ),
        )
    return root


@pytest.mark.parametrize(("platform", "target"), KITS)
def test_a_forged_bundle_gives_a_kit_or_our_error(bundles, tmp_path, platform, target):
    outcomes, messages = set(), []
    for seed in range(16):
        choice = random.Random(seed)
        changed = choice.choice(("parity.json", "golden.json", "config.json", "tokenizer.json", MANIFEST))

        def change(file, content, changed=changed, choice=choice):
            return changed_value(content, choice) if file == changed else content

        try:
            folder = forged(bundles / target, tmp_path / f"bundle-{seed}", change)
        except (ValueError, UnicodeEncodeError):  # no JSON is that
            continue
        try:
            make_kit(PLATFORMS[platform], Request(folder, tmp_path / f"Kit{seed}", even_failing=True))
            outcomes.add("made")
        except BertportError as error:
            outcomes.add("refused")
            messages.append(str(error))
    assert all(message.isprintable() for message in messages)
    assert outcomes == {"made", "refused"}


@pytest.mark.parametrize(("platform", "target"), KITS)
def test_no_text_of_a_bundle_becomes_code_of_a_kit(bundles, tmp_path, platform, target):

    def change(file, content):
        if file == MANIFEST:
            return content | {"labels": [CODE, "b", "c"], "source_model": CODE}
        if file == "parity.json":
            return content | {"failures": [CODE], "verdict": "fail"}
        return content

    folder = forged(bundles / target, tmp_path / "bundle", change)
    make_kit(PLATFORMS[platform], Request(folder, tmp_path / "Kit", even_failing=True))
    written = [
        path
        for path in (tmp_path / "Kit").rglob("*")
        if path.suffix not in (".json", ".md", ".onnx", ".tflite", ".bin", ".mlmodel", ".mlirb", ".hash")
    ]
    sources = [path for path in written if path.is_file() and path.suffix]
    assert sources
    pages, code = ([path.read_text() for path in sources if (path.suffix == ".html") is page] for page in (True, False))
    assert not any("os.system" in text for text in code)
    assert not any("<script>evil" in text for text in pages)  # there it is text, escaped
    assert "os.system" in next((tmp_path / "Kit").rglob("kit.json")).read_text()  # where texts are data
    if package := next((tmp_path / "Kit").rglob("package.json"), None):
        assert "os.system" not in package.read_text()
