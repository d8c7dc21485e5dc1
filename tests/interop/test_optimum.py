"""A bundle loads unchanged in Optimum and in a transformers pipeline, and gives there the same logits.

Needs the environment of `make optimum-env`, which CI builds first: there its absence is a failure.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporter.pipeline import Request, export
from exporter.schemes import SCHEMES
from runtimes.onnxruntime import OnnxRunner
from runtimes.runner import Batch

OPTIMUM = Path(__file__).parents[2] / ".venv-optimum" / "bin" / "python"

PROGRAM = """
import json, sys
from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoTokenizer, pipeline
folder, texts = sys.argv[1], json.loads(sys.argv[2])
model, tokenizer = ORTModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
batch = tokenizer(texts, padding=True, return_tensors="np")
logits = model(**batch).logits
classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
labels = [row["label"] for row in classify(texts)]
print(json.dumps({"batch": {k: v.tolist() for k, v in batch.items()}, "logits": logits.tolist(), "labels": labels}))
"""


@pytest.fixture(scope="module", autouse=True)
def environment():
    if not OPTIMUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI must build Optimum's environment: make optimum-env")
        pytest.skip("no .venv-optimum; `make optimum-env` builds it")


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    place = tmp_path_factory.mktemp("bundles")
    done = export(Request("demo", schemes=tuple(SCHEMES["onnx"]), destination=place, verify=False), lambda text: None)
    return {item.recipe.scheme: item.directory for item in done}


@pytest.mark.parametrize("scheme", SCHEMES["onnx"])
def test_optimum_and_a_pipeline_give_the_same(bundles, scheme):
    texts = ["The team wins the final after extra time.", "Shares fall as oil prices rise; the bank warns of a loss."]
    command = [str(OPTIMUM), "-W", "ignore", "-c", PROGRAM, str(bundles[scheme]), json.dumps(texts)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = json.loads(done.stdout.splitlines()[-1])
    feeds = (np.array(theirs["batch"][name]) for name in ("input_ids", "attention_mask", "token_type_ids"))
    ours = OnnxRunner(bundles[scheme] / "model.onnx").run(Batch(*feeds))["logits"]
    np.testing.assert_allclose(theirs["logits"], ours, atol=1e-4)
    assert theirs["labels"] == ["Sports", "Business"]


TOKEN_PROGRAM = """
import json, sys
import optimum.onnxruntime as runtime
from transformers import AutoTokenizer
folder, name = sys.argv[1:3]
model, tokenizer = getattr(runtime, name).from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
batch = tokenizer(["the cat runs", "a dog sleeps in the market"], padding=True, return_tensors="np")
found = model(**batch)
outputs = {name: found[name].tolist() for name in found}
print(json.dumps({"batch": {k: v.tolist() for k, v in batch.items()}, "outputs": outputs}))
"""


@pytest.mark.parametrize("architecture", ["BertForTokenClassification", "BertForQuestionAnswering"])
def test_other_tasks_load_in_their_classes(make_checkpoint, tmp_path, architecture):
    folder = make_checkpoint(architecture=architecture, labels=2)
    (done,) = export(Request(str(folder), destination=tmp_path / "out", verify=False), lambda text: None)
    name = architecture.replace("Bert", "ORTModel")
    command = [str(OPTIMUM), "-W", "ignore", "-c", TOKEN_PROGRAM, str(done.directory), name]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "HF_HUB_OFFLINE": "1"}
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    theirs = json.loads(ran.stdout.splitlines()[-1])
    feeds = (np.array(theirs["batch"][name]) for name in ("input_ids", "attention_mask", "token_type_ids"))
    ours = OnnxRunner(done.directory / "model.onnx").run(Batch(*feeds))
    assert set(theirs["outputs"]) == set(ours)
    for output, values in ours.items():
        np.testing.assert_allclose(theirs["outputs"][output], values, atol=1e-4)


FAMILIES = {
    "distilbert": "DistilBertForSequenceClassification",
    "electra": "ElectraForTokenClassification",
    "roberta": "RobertaForQuestionAnswering",
    "mobilebert": "MobileBertForSequenceClassification",
}


@pytest.mark.parametrize(("family", "architecture"), FAMILIES.items())
def test_every_family_loads_with_its_own_tokenizer(write_family, tmp_path, family, architecture):
    """One task for each: what differs is the tokenizer, and so what the model is given."""
    folder = write_family(tmp_path / "checkpoint", family, architecture, labels=2)
    (done,) = export(Request(str(folder), destination=tmp_path / "out", verify=False), lambda text: None)
    name = f"ORTModel{architecture[architecture.index('For') :]}"
    theirs = run_in_optimum(TOKEN_PROGRAM, done.directory, name)
    batch = {key: np.array(values) for key, values in theirs["batch"].items()}
    assert ("token_type_ids" in batch) == (family in ("electra", "mobilebert"))
    types = batch.get("token_type_ids", np.zeros_like(batch["input_ids"]))
    ours = OnnxRunner(done.directory / "model.onnx").run(Batch(batch["input_ids"], batch["attention_mask"], types))
    assert set(theirs["outputs"]) == set(ours)
    for output, values in ours.items():
        np.testing.assert_allclose(theirs["outputs"][output], values, atol=1e-4)


def run_in_optimum(program, *arguments):
    """What a program prints last, as JSON."""
    command = [str(OPTIMUM), "-W", "ignore", "-c", program, *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])
