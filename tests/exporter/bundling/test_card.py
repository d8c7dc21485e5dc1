"""The Python lines of every card run as they are printed, in a copy of the bundle's folder; what a card says is so."""

import contextlib
import io
import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from benchmarks.models.seeded import KINDS
from benchmarks.models.tokenizer_files import write_settings, write_vocabulary
from exporter.options.request import Request
from exporter.pipeline import export
from exporter.targets.target import Settings
from runtimes.bundle.reading import read_bundle
from runtimes.parity.shown import best_span

TEXTS = ("the cat runs in the market", "a dog sleeps fast")
PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"the a cat dog runs sleeps fast in market".split())


def exported(folder, place, **changes):
    request = Request(str(folder), destination=place, verify=False, **changes)
    (done,) = export(request)
    return done.directory


def lines_of(bundle):
    (code,) = re.findall(r"```python\n(.*?)```", (bundle / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return code


def filled(code):
    """The lines with words where the card has an ellipsis, which is no word of these vocabularies."""
    words = iter([*TEXTS, *TEXTS])
    return re.sub("…", lambda _: next(words), code)


def run(code, folder, monkeypatch):
    """What the lines leave behind when they run in `folder`, and what they print."""
    monkeypatch.chdir(folder)
    names, told = {}, io.StringIO()
    with contextlib.redirect_stdout(told):
        exec(compile(code, "README.md", "exec"), names)
    assert told.getvalue().strip()
    return names, told.getvalue()


WAYS = {
    "onnx": {"targets": ("onnx",)},
    "litert": {"targets": ("litert",)},
    "litert of fixed lengths": {"targets": ("litert",), "settings": Settings({"sequence_lengths": (12, 24)})},
}
"""Every kind of bundle whose card has lines of Python."""


@pytest.fixture(params=WAYS)
def copy_of(request, tmp_path, monkeypatch):
    """Export, copy the folder, run its card's lines there."""

    def get(checkpoint):
        bundle = exported(checkpoint, tmp_path / "bundle", **WAYS[request.param])
        shutil.copytree(bundle, tmp_path / "copy")
        manifest, code = read_bundle(bundle).manifest, lines_of(bundle)
        names, told = run(filled(code), tmp_path / "copy", monkeypatch)
        assert set(names["inputs"]) == {spec.name for spec in manifest.inputs}
        return names, told, manifest

    return get


@pytest.mark.parametrize(("family", "task"), KINDS)
def test_the_lines_of_every_card_run(family, task, copy_of, checkpoint_of):
    names, _, manifest = copy_of(checkpoint_of(family, task))
    found = [names[one] for one in ("logits", "vectors", "start", "end", "last_hidden_state") if one in names]
    assert found
    assert all(np.isfinite(values).all() for values in found)
    if "scores" in names and manifest.activation != "sigmoid":
        np.testing.assert_allclose(names["scores"].sum(-1), 1, atol=1e-5)


def test_the_answer_is_the_one_that_parity_and_the_kits_give(make_checkpoint, copy_of):
    names, told, _ = copy_of(make_checkpoint(architecture="BertForQuestionAnswering", labels=2))
    (row,) = names["rows"]
    context = np.flatnonzero(np.array(row.sequence_ids) == 1)
    first, last = best_span(names["start"][0], names["end"][0], context, or_none=False)
    assert (names["first"], names["last"]) == (first, last)
    assert told.strip() == TEXTS[1][row.offsets[first][0] : row.offsets[last][1]]


def scores_of_the_pipeline(folder):
    pipe = transformers.pipeline("text-classification", str(folder), top_k=None)
    return [[one["score"] for one in sorted(row, key=lambda one: one["label"])] for row in pipe(list(TEXTS))]


@pytest.mark.parametrize(
    "settings",
    [
        {"labels": 3},
        {"labels": 1},
        {"labels": 1, "problem_type": "regression"},
        {"labels": 3, "problem_type": "multi_label_classification"},
    ],
)
def test_the_scores_are_those_of_transformers_pipeline(make_checkpoint, copy_of, settings):
    folder = make_checkpoint(**settings)
    names, _, _ = copy_of(folder)
    np.testing.assert_allclose(names["scores"], scores_of_the_pipeline(folder), atol=1e-5)


def test_a_reranker_is_asked_for_pairs_and_scores_as_cross_encoder(make_checkpoint, copy_of, tmp_path):
    from sentence_transformers import CrossEncoder

    made = CrossEncoder(str(make_checkpoint("base", labels=1)), device="cpu")
    made.save_pretrained(str(tmp_path / "reranker"))
    names, _, manifest = copy_of(tmp_path / "reranker")
    assert names["texts"] == [TEXTS, TEXTS]
    assert (manifest.recipe.task, manifest.pairs) == ("text-ranking", True)
    expected = CrossEncoder(str(tmp_path / "reranker"), device="cpu").predict([TEXTS, TEXTS])
    np.testing.assert_allclose(names["scores"][:, 0], expected, atol=1e-5)


def test_an_embedding_is_that_of_encode_with_its_prompt(make_checkpoint, copy_of, write_sentence_files):
    from sentence_transformers import SentenceTransformer

    folder = make_checkpoint(architecture="BertModel")
    write_sentence_files(folder, ("Normalize",), {"max_seq_length": 8})
    prompts = {"prompts": {"query": 'red "team": '}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    names, _, _ = copy_of(folder)
    expected = SentenceTransformer(str(folder), device="cpu").encode(list(TEXTS))
    np.testing.assert_allclose(names["vectors"], expected, atol=1e-5)


def write_plain(folder, family, architecture, tokenizer_class):
    """A model of one family with BERT's tokenizer of another class, as on the hub."""
    torch.manual_seed(0)
    config = {"vocab_size": len(PIECES), "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config |= {"intermediate_size": 64, "max_position_embeddings": 50, "pad_token_id": 0}
    named = transformers.AutoConfig.for_model(family, **config, type_vocab_size=1 if family == "roberta" else 2)
    getattr(transformers, architecture)(named).save_pretrained(folder)
    write_vocabulary(folder, PIECES)
    write_settings(folder, tokenizer_class=tokenizer_class)
    return folder


@pytest.mark.parametrize(
    ("family", "architecture"), [("distilbert", "DistilBertModel"), ("roberta", "RobertaModel"), ("bert", "BertModel")]
)
def test_types_are_given_to_the_models_that_read_them(
    family, architecture, tmp_path, copy_of, write_family, write_sentence_files
):
    """BERT's tokenizer gives token types, which DistilBERT and RoBERTa do not take."""
    folder = write_plain(tmp_path / "checkpoint", family, architecture, "BertTokenizer")
    write_sentence_files(folder, word_embedding_dimension=32 if family != "distilbert" else 768)
    names, _, _ = copy_of(folder)
    assert ("token_type_ids" in names["inputs"]) == (family == "bert")


def test_bert_with_a_tokenizer_that_gives_no_types_is_given_zeros(make_checkpoint, copy_of):
    """As multilingual-e5-small: BERT, with XLM-R's SentencePiece tokenizer."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made = tokenizers.Tokenizer(models.Unigram())
    made.normalizer, made.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=60, special_tokens=special, unk_token="<unk>", show_progress=False)
    made.train_from_iterator([*TEXTS] * 5, trainer)
    ids = made.get_vocab()
    ends = [(token, ids[token]) for token in ("<s>", "</s>")]
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    folder = make_checkpoint(architecture="BertModel", vocab_size=made.get_vocab_size(), pad_token_id=1)
    (folder / "vocab.txt").unlink()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )
    fast.save_pretrained(folder)
    names, _, _ = copy_of(folder)
    assert not names["inputs"]["token_type_ids"].any()


def test_as_printed_in_a_process_of_its_own(make_checkpoint, tmp_path):
    bundle = exported(make_checkpoint(), tmp_path / "bundle")
    shutil.copytree(bundle, tmp_path / "copy")
    code = lines_of(bundle)
    assert "path/to/this/folder" in code
    here = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "copy", capture_output=True, check=False)
    there = code.replace("path/to/this/folder", str(tmp_path / "copy"))
    named = subprocess.run([sys.executable, "-c", there], cwd=tmp_path, capture_output=True, check=False)
    assert here.returncode == named.returncode == 0, here.stderr + named.stderr
    assert here.stdout == named.stdout != b""


def test_a_core_ml_card_says_the_packages_own_longest_text(make_checkpoint, tmp_path):
    settings = Settings(options={"sequence_lengths": (16, 24)})
    bundle = exported(make_checkpoint(), tmp_path / "bundle", targets=("coreml",), settings=settings)
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "| longest text | 24 tokens |" in card
    assert "texts truncated at 24 tokens" in card
    assert "```python" not in card
