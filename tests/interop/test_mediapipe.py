"""MediaPipe's own TextClassifier and TextEmbedder open what `--mediapipe` writes, and answer text as PyTorch does."""

import io
import json
import os
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from benchmarks.models.tokenizer_files import TEXTS
from exporter.checkpoint.source import DEMO_DIRECTORY
from exporter.checkpoint.tokenizer.reading import open_tokenizer
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.litert import file as tflite_file
from exporter.targets.litert.mediapipe.metadata import KEY, Described, Metadata, append_files, encoded
from exporter.targets.litert.mediapipe.tokenizer import MediaPipeTokenizer
from exporter.targets.litert.mediapipe.vocabulary import differing_texts
from exporter.targets.litert.schemes import SCHEMES
from exporter.targets.target import Settings
from exporter.verification.reference.default_texts import default_texts, further_texts
from exporter.verification.tokenizer_parity import _ODD
from runtimes.backends.registry import open_runner
from runtimes.bundle.reading import read_bundle
from runtimes.runner import full_batch
from runtimes.tflite.model import Model, Node, Signature, Subgraph, Tensor

pytestmark = pytest.mark.slow
MEDIAPIPE = Path(__file__).parents[2] / ".venv-mediapipe" / "bin" / "python"
PROGRAM = """
import json, sys
from mediapipe.tasks.metadata.metadata_schema_py_generated import ModelMetadataT
from mediapipe.tasks.python.core.base_options import BaseOptions
from mediapipe.tasks.python.text.text_classifier import TextClassifier, TextClassifierOptions
from mediapipe.tasks.python.text.text_embedder import TextEmbedder, TextEmbedderOptions

def heads(result):
    return [[one.head_name, [[c.index, c.category_name, c.score] for c in one.categories]] for one in result]

def classify(path, texts, **options):
    options = TextClassifierOptions(base_options=BaseOptions(model_asset_path=path), **options)
    with TextClassifier.create_from_options(options) as classifier:
        return [heads(classifier.classify(text).classifications) for text in texts]

def embed(path, texts):
    with TextEmbedder.create_from_options(TextEmbedderOptions(base_options=BaseOptions(model_asset_path=path))) as one:
        return [one.embed(text).embeddings[0].embedding.tolist() for text in texts]

def metadata(path, texts):
    content = open(path, "rb").read()
    found = ModelMetadataT.InitFromPackedBuf(content, content.index(b"M001") - 4)
    return json.loads(json.dumps(found, default=lambda one: one.decode() if isinstance(one, bytes) else vars(one)))

answers = {}
for name, (task, path, texts, options) in json.load(sys.stdin).items():
    try:
        answers[name] = {"classify": classify, "embed": embed, "metadata": metadata}[task](path, texts, **options)
    except (OSError, ValueError, RuntimeError) as error:
        answers[name] = {"error": str(error)}
print(json.dumps(answers))
"""
NEWS = default_texts() + further_texts()
ACCENTED = ["The Café in Zürich won the prize", "A naïve résumé", "МОСКВА", *NEWS[:5]]
FAMILIES = ("bert", "distilbert", "electra", "mobilebert")
POOLINGS = {
    "mean": {"pooling_mode_mean_tokens": True},
    "first token": {"pooling_mode_cls_token": True},
    "largest": {"pooling_mode_max_tokens": True},
}
LENGTH = 24


@pytest.fixture(scope="module", autouse=True)
def environment():
    if not MEDIAPIPE.exists():
        if os.environ.get("CI"):
            pytest.fail("CI must build MediaPipe's environment: make mediapipe-env")
        pytest.skip("no .venv-mediapipe; `make mediapipe-env` builds it")


def bundle_of(model, place, scheme="none", **options):
    settings = Settings.of(mediapipe=True, **options)
    request = Request(str(model), ("litert",), (scheme,), destination=place, settings=settings, verify=False)
    (done,) = export(request)
    return done.directory


def odd_texts():
    """Real texts, such with a few characters put in, and characters alone, of all that Unicode has."""
    draw = random.Random(0)
    pool = [chr(c) for c in (*range(1, 0x3000), *range(0x3000, 0xD800, 7), *range(0xE000, 0x30000, 97))]
    either = (pool, "abc DEs ing.,-'é")
    alone = ["".join(draw.choice(draw.choice(either)) for _ in range(draw.randrange(60))) for _ in range(1500)]
    mixed = ["".join(c + (draw.choice(pool) if draw.random() < 0.02 else "") for c in text) for text in [*NEWS, *NEWS]]
    return [*_ODD, *ACCENTED, *alone, *mixed]


def echo(vocabulary, length=512):
    """A model whose scores are the ids that it is given."""
    names = ("ids", "mask", "segment_ids")
    tensors = [*(Tensor(name, "int32", (1, length)) for name in names), Tensor("score", "float32", (1, length))]
    cast = Node("CAST", 1, (0,), (3,), {"from_type": 2, "to_type": 0})
    signature = Signature("serving_default", 0, {name: number for number, name in enumerate(names)}, {"score": 3})
    told = Metadata("echo", "", "", "", [Described(name, "") for name in names], [Described("score", "")])
    graph = Subgraph("main", tensors, (0, 1, 2), (3,), [cast])
    file = io.BytesIO()
    tflite_file.write(file, Model([graph], [signature], [np.zeros(0, np.uint8)], "", {KEY: encoded(told)}))
    append_files(file, {"vocab.txt": vocabulary})
    return file.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory, checkpoint_of, write_checkpoint, write_sentence_files):
    """Models by name, and what MediaPipe is asked of each: (task, file, texts, options)."""
    place, asked = tmp_path_factory.mktemp("mediapipe"), {}

    def ask(name, task, folder, texts, **options):
        asked[name] = (task, str(folder / "model.tflite"), list(texts), options)

    for scheme in SCHEMES:
        folder = bundle_of("demo", place / scheme, scheme)
        ask(scheme, "classify", folder, NEWS if scheme == "none" else NEWS[:100])
    ask("metadata", "metadata", place / "none", [])
    ask("some labels", "classify", place / "none", NEWS[:1], category_allowlist=["Business", "Sports"])
    for family in FAMILIES:
        ask(family, "classify", bundle_of(checkpoint_of(family, "text-classification"), place / family), TEXTS)
    several = checkpoint_of("bert", "text-classification", problem_type="multi_label_classification")
    ask("several", "classify", bundle_of(several, place / "several"), TEXTS)
    for pooling, modes in POOLINGS.items():
        checkpoint = write_checkpoint(place / f"{pooling} checkpoint", architecture="BertModel")
        write_sentence_files(checkpoint, ("Normalize",) if pooling == "mean" else (), **modes)
        ask(pooling, "embed", bundle_of(checkpoint, place / pooling, sequence_lengths=(LENGTH,)), TEXTS)
    for name, content in broken((place / "none" / "model.tflite").read_bytes()).items():
        (place / name).mkdir()
        (place / name / "model.tflite").write_bytes(content)
        ask(name, "classify", place / name, NEWS[:20])
    (place / "echo").mkdir()
    (place / "echo" / "model.tflite").write_bytes(echo((DEMO_DIRECTORY / "vocab.txt").read_bytes()))
    ask("echo", "classify", place / "echo", odd_texts())
    return place, asked


def broken(content):
    """The controls: a model without its files, and one whose vocabulary gives the ids of other entries."""
    files = content.index(b"PK\x03\x04")
    assert content[files + 30 :].startswith(b"vocab.txt[PAD]\n")
    return {"without files": content[:files], "other words": content[:files] + renumbered()}


def renumbered():
    lines = (DEMO_DIRECTORY / "vocab.txt").read_text(encoding="utf-8").split("\n")
    moved = "\n".join([*lines[:999], *reversed(lines[999:-1]), ""])
    file = io.BytesIO()
    append_files(file, {"vocab.txt": moved.encode(), "labels.txt": b"World\nSports\nBusiness\nSci/Tech\n"})
    return file.getvalue()


@pytest.fixture(scope="module")
def answers(made):
    done = subprocess.run(
        [str(MEDIAPIPE), "-c", PROGRAM], input=json.dumps(made[1]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def scores(answer, head="score"):
    """[texts, labels] of the numbers of a head."""
    found = [dict(heads)[head] for heads in answer]
    return np.array([[score for _, _, score in sorted(one)] for one in found])


def logits_of_pytorch(folder, texts, length):
    """Padded as MediaPipe pads: MobileBERT's answers show it."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder)
    model = model.float().eval()
    with torch.no_grad():
        rows = tokenizer(texts, return_tensors="pt", truncation=True, padding="max_length", max_length=length)
        return model(**rows).logits


def test_labels_and_scores_of_the_demo_are_pytorchs(answers):
    logits = logits_of_pytorch(DEMO_DIRECTORY, NEWS, 128)
    assert len(NEWS) == 500
    np.testing.assert_allclose(scores(answers["none"]), logits.softmax(-1), atol=1e-5)
    np.testing.assert_allclose(scores(answers["none"], "logits"), logits, atol=1e-4)
    best = [dict(heads)["score"][0] for heads in answers["none"]]
    config = json.loads((DEMO_DIRECTORY / "config.json").read_text())
    assert [name for _, name, _ in best] == [config["id2label"][str(int(one))] for one in logits.argmax(-1)]
    assert [head for head, _ in answers["none"][0]] == ["score", "logits"]


@pytest.mark.parametrize("scheme", [*SCHEMES])
def test_every_scheme_computes_there_what_was_compared_here(made, answers, scheme):
    bundle = read_bundle(made[0] / scheme)
    tokenizer, runner = open_tokenizer(bundle.directory / "tokenizer.json"), open_runner(bundle)
    tokenizer.enable_truncation(128)
    batches = [full_batch(np.array([tokenizer.encode(text).ids])) for text in NEWS[:20]]
    expected = np.concatenate([runner.run(batch)["logits"] for batch in batches])
    np.testing.assert_allclose(scores(answers[scheme], "logits")[:20], expected, atol=1e-3)


def test_an_app_may_ask_for_some_labels(answers):
    (heads,) = answers["some labels"]
    assert {name for _, found in heads for _, name, _ in found} == {"Business", "Sports"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_answers_whether_it_reads_segments_or_not(answers, checkpoint_of, family):
    folder = checkpoint_of(family, "text-classification")
    expected = logits_of_pytorch(folder, list(TEXTS), 48).softmax(-1)
    np.testing.assert_allclose(scores(answers[family]), expected, atol=1e-4)


def test_several_labels_at_once_have_scores_of_their_own(answers, checkpoint_of):
    folder = checkpoint_of("bert", "text-classification", problem_type="multi_label_classification")
    np.testing.assert_allclose(
        scores(answers["several"]), logits_of_pytorch(folder, list(TEXTS), 48).sigmoid(), atol=1e-4
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_embeddings_are_those_of_sentence_transformers(made, answers, pooling):
    model = SentenceTransformer(str(made[0] / f"{pooling} checkpoint"), device="cpu")
    np.testing.assert_allclose(np.array(answers[pooling]), model.encode(list(TEXTS)), atol=1e-4)


def test_its_own_schema_reads_the_metadata(answers):
    told = answers["metadata"]
    assert (told["name"], told["license"], told["minParserVersion"]) == ("demo", "apache-2.0", "1.1.0")
    (graph,) = told["subgraphMetadata"]
    assert [one["name"] for one in graph["inputTensorMetadata"]] == ["ids", "mask", "segment_ids"]
    outputs = [
        (one["name"], [name_and_kind(file) for file in one["associatedFiles"]]) for one in graph["outputTensorMetadata"]
    ]
    assert outputs == [(name, [("labels.txt", 2)]) for name in ("score", "logits")]
    (unit,) = graph["inputProcessUnits"]
    assert unit["optionsType"] == 4
    assert [name_and_kind(one) for one in unit["options"]["vocabFile"]] == [("vocab.txt", 5)]


def name_and_kind(file):
    return file["name"], file["type"]


def test_its_tokenizer_is_ours(answers):
    texts, ours = odd_texts(), MediaPipeTokenizer((DEMO_DIRECTORY / "vocab.txt").read_bytes())
    ids = scores(answers["echo"]).astype(int)
    expected = [ours.encode(text, 512) for text in texts]
    assert len(texts) > 2500
    assert [row.tolist() for row in ids] == [[*one, *[0] * (512 - len(one))] for one in expected]


def test_the_texts_that_are_said_to_differ_do(answers):
    tokenizer, texts = open_tokenizer(DEMO_DIRECTORY / "tokenizer.json"), odd_texts()
    encodings = tokenizer.encode_batch(texts)
    own = [one.ids if len(one.ids) <= 512 else [*one.ids[:511], one.ids[-1]] for one in encodings]
    pairs = zip(texts, own, scores(answers["echo"]).astype(int), strict=True)
    differing = [text for text, ids, theirs in pairs if [*ids, *[0] * (512 - len(ids))] != theirs.tolist()]
    assert differing_texts(tokenizer, texts, 512) == differing
    assert 500 < len(differing) < len(texts) - 100


PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mediapipe.md"


@pytest.mark.parametrize(
    ("page", "name", "shown"),
    [("README.md", "none", "[('"), ("README.md", "mean", "["), (PAGE, "none", "[('Business'")],
)
def test_what_a_page_says_runs(made, page, name, shown):
    """The card of a bundle, and the page for every one."""
    directory = made[0] / name
    program = (directory / page).read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    command = [str(MEDIAPIPE), "-c", program.replace("bundle/", "")]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.lstrip().startswith(shown)


def test_without_its_files_or_with_others_it_fails(answers):
    assert "No associated file" in answers["without files"]["error"]
    assert (scores(answers["other words"]).argmax(-1) != scores(answers["none"])[:20].argmax(-1)).any()
