"""A bundle loads unchanged in Optimum and in transformers' pipelines, and gives there the same as in PyTorch.

Needs the environment of `make optimum-env`, which CI builds first: there its absence is a failure. All bundles are read
by one process of that environment, for its imports take longer than everything else.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exporter.checkpoint.source import DEMO_DIRECTORY
from exporter.model.families.bert import BERT
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.registry import TARGETS
from runtimes.backends.onnx.runner import OnnxRunner
from runtimes.bundle.reading import read_bundle
from runtimes.runner import Batch

OPTIMUM = Path(__file__).parents[2] / ".venv-optimum" / "bin" / "python"

PROGRAM = """
import json, sys
import optimum.onnxruntime as runtime
import torch, transformers

def values(found):
    return {name: found[name].tolist() for name in found if isinstance(found[name], torch.Tensor)}

def run(job):
    tokenizer = transformers.AutoTokenizer.from_pretrained(job["bundle"])
    batch = tokenizer(*job["texts"], padding=True, return_tensors="pt")
    if job["choices"]:
        batch = {name: rows[None] for name, rows in batch.items()}
    exported = getattr(runtime, job["optimum"]).from_pretrained(job["bundle"])
    original = getattr(transformers, job["architecture"]).from_pretrained(job["checkpoint"]).eval()
    with torch.no_grad():
        outputs, expected = values(exported(**batch)), values(original(**batch))
    told = {"batch": values(batch), "outputs": outputs, "expected": expected}
    for name, model in (("answers", exported), ("expected_answers", original)):
        if job["pipeline"]:
            told[name] = transformers.pipeline(job["pipeline"], model=model, tokenizer=tokenizer)(**job["asked"])
    return told

for job in json.load(sys.stdin):
    print(json.dumps({job["name"]: run(job)}, default=float))
"""

NEWS = ["The team wins the final after extra time.", "Shares fall as oil prices rise; the bank warns of a loss."]
TEXTS = ["the cat runs", "a dog sleeps in the market"]
PAIRS = (["the cat"] * 3, ["runs", "sleeps in the market", "wins"])
TASKS = {
    "text-classification": ("ORTModelForSequenceClassification", {"inputs": TEXTS}),
    "token-classification": ("ORTModelForTokenClassification", {"inputs": TEXTS}),
    "question-answering": ("ORTModelForQuestionAnswering", {"question": TEXTS[0], "context": TEXTS[1]}),
    "fill-mask": ("ORTModelForMaskedLM", {"inputs": "the [MASK] runs"}),
    "feature-extraction": ("ORTModelForFeatureExtraction", {"inputs": TEXTS}),
    "text-ranking": ("ORTModelForSequenceClassification", None),
    "multiple-choice": ("ORTModelForMultipleChoice", None),
    "next-sentence-prediction": ("ORTModelForCustomTasks", None),
    "sentence-similarity": ("ORTModelForCustomTasks", None),
}
"""Task → the class of Optimum that loads it, and what its pipeline is asked, where there is one."""
PAIRED = ("text-ranking", "question-answering", "multiple-choice", "next-sentence-prediction")
FAMILIES = {
    "distilbert": "DistilBertForSequenceClassification",
    "electra": "ElectraForTokenClassification",
    "roberta": "RobertaForQuestionAnswering",
    "mobilebert": "MobileBertForSequenceClassification",
    "xlm-roberta": "XLMRobertaForSequenceClassification",
    "camembert": "CamembertForTokenClassification",
    "albert": "AlbertForQuestionAnswering",
}
"""One task for each: what differs is the tokenizer, and so what the model is given."""
STRANGER = "a bundle beside a checkpoint that it was not made from"


@pytest.fixture(scope="module", autouse=True)
def environment():
    if not OPTIMUM.exists():
        if os.environ.get("CI"):
            pytest.fail("CI must build Optimum's environment: make optimum-env")
        pytest.skip("no .venv-optimum; `make optimum-env` builds it")


def bundle_of(folder, place, scheme="none"):
    (done,) = export(Request(str(folder), schemes=(scheme,), destination=place, verify=False))
    return done.directory


def job(name, bundle, checkpoint, optimum, **more):
    architecture = read_bundle(bundle).manifest.architecture
    told = {"name": name, "bundle": str(bundle), "checkpoint": str(checkpoint), "optimum": optimum}
    return told | {"architecture": architecture, "texts": [TEXTS], "choices": False, "pipeline": None} | more


@pytest.fixture(scope="module")
def jobs(tmp_path_factory, write_checkpoint, write_family, checkpoint_of):
    place = tmp_path_factory.mktemp("optimum")
    asked = {"texts": [NEWS], "pipeline": "text-classification", "asked": {"inputs": NEWS}}
    listed = [
        job(
            scheme,
            bundle_of("demo", place / scheme, scheme),
            DEMO_DIRECTORY,
            "ORTModelForSequenceClassification",
            **asked,
        )
        for scheme in TARGETS["onnx"].schemes
    ]
    for head in BERT.heads:
        task = head.task.name
        folder = checkpoint_of("bert", task)
        name, asked = TASKS[task]
        more = {"texts": PAIRS if task in PAIRED else [TEXTS], "choices": task == "multiple-choice"}
        more |= {"pipeline": task, "asked": asked} if asked else {}
        listed.append(job(task, bundle_of(folder, place / task), folder, name, **more))
    for family, architecture in FAMILIES.items():
        folder = write_family(place / f"{family}-checkpoint", family, architecture, labels=2)
        name = f"ORTModel{architecture[architecture.index('For') :]}"
        listed.append(job(family, bundle_of(folder, place / family), folder, name))
    stranger = write_checkpoint(place / "stranger", labels=2, seed=1)
    known = place / "text-classification"
    listed.append(job(STRANGER, known, stranger, TASKS["text-classification"][0]))
    return {one["name"]: one for one in listed}


@pytest.fixture(scope="module")
def told(jobs):
    """What Optimum's environment says of every job."""
    command = [str(OPTIMUM), "-W", "ignore", "-c", PROGRAM]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    asked = json.dumps(list(jobs.values()))
    ran = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = {}
    for line in ran.stdout.splitlines():
        found |= json.loads(line)
    return found


def ours(job, batch):
    """The bundle in our own runner, on the same batch."""
    fed = {name: np.array(values) for name, values in batch.items()}
    types = fed.get("token_type_ids", np.zeros_like(fed["input_ids"]))
    runner = OnnxRunner(Path(job["bundle"]) / "model.onnx")
    return runner.run(Batch(fed["input_ids"], fed["attention_mask"], types))


def apart(left, right):
    """The largest difference of two answers' numbers; infinite where anything else differs."""
    if isinstance(left, float) and isinstance(right, float):
        return abs(left - right)
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        return max((apart(left[key], right[key]) for key in left), default=0)
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return max((apart(*pair) for pair in zip(left, right, strict=True)), default=0)
    return 0 if left == right else np.inf


@pytest.mark.parametrize("name", [*TARGETS["onnx"].schemes, *TASKS, *FAMILIES])
def test_optimum_gives_what_our_runner_gives(jobs, told, name):
    found, expected = told[name]["outputs"], ours(jobs[name], told[name]["batch"])
    assert found
    assert set(found) <= set(expected)
    for output, values in found.items():
        np.testing.assert_allclose(values, expected[output], atol=1e-4)


@pytest.mark.parametrize("name", ["none", *TASKS, *FAMILIES])
def test_optimum_gives_what_pytorch_gives(told, name):
    found, expected = told[name]["outputs"], told[name]["expected"]
    if name == "sentence-similarity":  # sentence-transformers' own pooling, by hand
        tokens, mask = (
            np.array(expected["last_hidden_state"]),
            np.array(told[name]["batch"]["attention_mask"])[..., None],
        )
        pooled = (tokens * mask).sum(1) / mask.sum(1)
        normed = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        expected = {"sentence_embedding": normed, "last_hidden_state": tokens}
    for output, values in found.items():
        np.testing.assert_allclose(values, expected[output], atol=1e-4)


@pytest.mark.parametrize("name", ["none", *(task for task, (_, asked) in TASKS.items() if asked)])
def test_a_pipeline_gives_the_same_answers(told, name):
    assert told[name]["answers"]
    assert apart(told[name]["answers"], told[name]["expected_answers"]) < 1e-4


@pytest.mark.parametrize("scheme", TARGETS["onnx"].schemes)
def test_a_pipeline_names_the_labels_of_every_scheme(told, scheme):
    assert [row["label"] for row in told[scheme]["answers"]] == ["Sports", "Business"]


def test_only_families_with_segments_are_given_them(told):
    assert {name for name in FAMILIES if "token_type_ids" in told[name]["batch"]} == {"electra", "mobilebert", "albert"}


def test_another_checkpoint_does_not_pass(told):
    assert apart(told[STRANGER]["outputs"], told[STRANGER]["expected"]) > 0.01
