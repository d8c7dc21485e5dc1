"""An embedding bundle loads as it is in sentence-transformers' ONNX backend, and in Optimum's feature extraction.

That backend needs optimum-onnx, which wants transformers 4 and so sentence-transformers 5: the environment of
`make optimum-env`. What it gives is held against the checkpoint in the sentence-transformers of our own environment.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from exporter.options.request import Request
from exporter.pipeline import export

OPTIMUM = Path(__file__).parents[2] / ".venv-optimum" / "bin" / "python"
TEXTS = ["the cat runs in the market and sleeps fast in the market and wins", "a dog", "team of red falls slow"]
PROMPT = "the red team: "
PROGRAM = """
import json, sys, numpy as np
from optimum.onnxruntime import ORTModelForFeatureExtraction
from sentence_transformers import SentenceTransformer
from transformers import AutoTokenizer, pipeline

def run(folder, texts):
    kwargs = {"provider": "CPUExecutionProvider"}
    model = SentenceTransformer(folder, backend="onnx", device="cpu", model_kwargs=kwargs)
    exported, tokenizer = ORTModelForFeatureExtraction.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    extract = pipeline("feature-extraction", model=exported, tokenizer=tokenizer)
    hidden = [np.array(extract(text, truncation=True)[0]).tolist() for text in texts]
    return {"length": model.max_seq_length, "vectors": model.encode(texts).tolist(), "hidden": hidden}

folders, texts = json.load(sys.stdin)
print(json.dumps({name: run(folder, texts) for name, folder in folders.items()}))
"""
KINDS = {
    "mean": {"pooling_mode_mean_tokens": True},
    "first token": {"pooling_mode_cls_token": True},
    "dense": {"pooling_mode_max_tokens": True},
    "prompted": {"pooling_mode": "mean"},
}
CI = bool(os.environ.get("CI"))
BUILT = OPTIMUM.exists() and list((OPTIMUM.parents[1] / "lib").glob("*/site-packages/sentence_transformers"))
pytestmark = pytest.mark.skipif(not BUILT and not CI, reason="no sentence-transformers there: make optimum-env")


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory, write_checkpoint, write_sentence_files):
    place, made = tmp_path_factory.mktemp("sentences"), {}
    for kind, pooling in KINDS.items():
        made[kind] = folder = write_checkpoint(place / kind, architecture="BertModel")
        # its max_seq_length where sentence-transformers 6 saves it
        settings = {"transformer_task": "feature-extraction"}
        write_sentence_files(folder, ("Dense", "Normalize") if kind == "dense" else ("Normalize",), settings, **pooling)
        (folder / "tokenizer_config.json").write_text('{"model_max_length": 12, "tokenizer_class": "BertTokenizer"}')
    torch.manual_seed(0)
    layer = {f"linear.{name}": value for name, value in torch.nn.Linear(32, 20).state_dict().items()}
    save_file(layer, made["dense"] / "2_Dense" / "model.safetensors")
    config = {"in_features": 32, "out_features": 20, "bias": True}
    (made["dense"] / "2_Dense" / "config.json").write_text(json.dumps(config))
    prompts = {"prompts": {"query": PROMPT}, "default_prompt_name": "query"}
    (made["prompted"] / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    return made


@pytest.fixture(scope="module")
def told(checkpoints):
    """What the other environment gives for every bundle, read by one process."""
    bundles = {}
    for kind, folder in checkpoints.items():
        request = Request(str(folder), destination=folder.parent / f"{kind}-bundle", verify=False)
        (done,) = export(request)
        bundles[kind] = str(done.directory)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [str(OPTIMUM), "-W", "ignore", "-c", PROGRAM]
    asked = json.dumps([bundles, TEXTS])
    ran = subprocess.run(command, input=asked, capture_output=True, text=True, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def expected(checkpoints):
    """Our own environment's sentence-transformers, in PyTorch on the checkpoints."""
    from sentence_transformers import SentenceTransformer

    return {kind: SentenceTransformer(str(folder), device="cpu") for kind, folder in checkpoints.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_onnx_backend_gives_the_embeddings_of_the_checkpoint(told, expected, kind):
    assert told[kind]["length"] == expected[kind].max_seq_length == 12
    np.testing.assert_allclose(told[kind]["vectors"], expected[kind].encode(TEXTS), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_feature_extraction_gives_the_vectors_of_the_tokens(told, expected, kind):
    values = expected[kind].encode(TEXTS, prompt="", output_value="token_embeddings")
    for found, own in zip(told[kind]["hidden"], values, strict=True):
        np.testing.assert_allclose(found, own.numpy(), atol=1e-4)


def test_prompt_and_length_show(told):
    vectors = {kind: np.array(told[kind]["vectors"]) for kind in ("mean", "prompted")}
    assert np.abs(vectors["mean"] - vectors["prompted"]).max() > 0.01
    assert max(len(rows) for rows in told["mean"]["hidden"]) == 12
