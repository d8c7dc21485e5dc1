"""`verify` of LiteRT bundles from the command line: an untouched one passes, a spoilt one fails whatever it answers."""

import json
import shutil

import numpy as np
import peft
import pytest

from benchmarks.faults.frame import seal
from benchmarks.faults.litert_file import Spoilt
from exporter.cli.main import main
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.bundle.manifest import PARITY

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # peft 0.21.2's own


@pytest.fixture(scope="module")
def adapter(write_checkpoint, tmp_path_factory):
    """A LoRA adapter, whose base is beside it."""
    import transformers

    place = tmp_path_factory.mktemp("adapters")
    base = write_checkpoint(place / "base")
    model = transformers.AutoModelForSequenceClassification.from_pretrained(base)
    settings = peft.LoraConfig(task_type="SEQ_CLS", r=4, target_modules=["query", "value"], init_lora_weights=False)
    peft.get_peft_model(model, settings).save_pretrained(place / "adapter")
    return place / "adapter"


@pytest.fixture(scope="module")
def made(checkpoint, adapter, texts, tmp_path_factory):
    """Kind → what it was exported from, and the bundle."""
    sources = {"any length": checkpoint, "two lengths": checkpoint, "adapter": adapter}
    bundles = {}
    for kind, source in sources.items():
        settings = Settings.of(sequence_lengths=(13, 24) if kind == "two lengths" else ())
        place = tmp_path_factory.mktemp("litert") / "made"
        asked = Request(str(source), ("litert",), ("none",), place, texts=texts, settings=settings)
        (done,) = export(asked)
        bundles[kind] = source, done.directory
    return bundles


@pytest.mark.parametrize("kind", ["any length", "two lengths", "adapter"])
def test_an_untouched_bundle_passes_and_says_what_was_read(made, texts_file, capsys, kind):
    source, bundle = made[kind]
    assert main(["verify", str(bundle), "--checkpoint", str(source), "--texts", str(texts_file), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    graphs = Spoilt(bundle).model.subgraphs
    assert record["coverage"]["audited_operators"] == sum(len(graph.operators) for graph in graphs)
    assert record["coverage"]["audited_rows"] > record["coverage"]["audited_weights"] > 20
    assert json.loads((bundle / PARITY).read_text())["coverage"]["audited_rows"] == record["coverage"]["audited_rows"]


@pytest.mark.parametrize("kind", ["any length", "adapter"])
def test_a_spoilt_model_fails_whatever_its_answers_are(made, texts_file, tmp_path, capsys, kind):
    """One row of one word that no text has."""
    source, bundle = made[kind]
    copy = shutil.copytree(bundle, tmp_path / "spoilt")
    model = Spoilt(copy)
    words = model.read("embeddings.word.weight")
    words[-1] = np.nan
    model.write("embeddings.word.weight", words)
    model.save()
    seal(copy)
    assert main(["verify", str(copy), "--checkpoint", str(source), "--texts", str(texts_file)]) == 1
    assert f"model.tflite: embeddings.word.weight: row {len(words) - 1}" in capsys.readouterr().err
