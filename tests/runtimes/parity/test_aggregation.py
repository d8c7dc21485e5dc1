"""Entities by every strategy, held to transformers' pipeline over odd texts and a tokenizer of each kind."""

import numpy as np
import pytest
import torch
import transformers

from benchmarks.models.seeded import write_family
from runtimes.parity.aggregation import OF_WORDS, STRATEGIES, Token, aggregate, average_label, max_label, probabilities

LABELS = ("O", "B-PER", "I-PER", "E-PER", "S-LOC", "B-O", "I-O", "MISC")
TEXTS = (
    "The cat runs in a red market, un##able!",
    "dogs and CATS   sleep fast\u0301 in\tthe blue \U0001f469\u200d\U0001f467 team",
    "zürich wins [SEP] the fast cat falls; a slow dog",
    "z\u0301 runs: fasters catssss dogssss",
    "é",
    "x\U0001f469y \u200b the\u00a0cat\n\nred-blue",
    "猫 runs, 犬犬 sleeps",
)
KINDS = {"bert": "BertForTokenClassification", "roberta": "RobertaForTokenClassification"}
KINDS |= {"albert": "AlbertForTokenClassification"}
"""Family → the class; WordPiece, byte-level BPE and Unigram."""


@pytest.fixture(scope="module", params=KINDS)
def pipe(request, tmp_path_factory):
    names = dict(enumerate(LABELS))
    folder = tmp_path_factory.mktemp(request.param) / "checkpoint"
    write_family(folder, request.param, KINDS[request.param], labels=len(LABELS), id2label=names)
    made = transformers.pipeline("token-classification", str(folder))
    torch.manual_seed(1)
    torch.nn.init.normal_(made.model.classifier.weight)  # wide enough that labels change from token to token
    torch.nn.init.zeros_(made.model.classifier.bias)
    return made


def entities(pipe, text, strategy):
    """Ours, of the pipeline's own logits."""
    tokenizer = pipe.tokenizer
    inputs = tokenizer(text, return_tensors="pt")
    logits = pipe.model(**inputs).logits[0].detach().numpy()
    encoding = tokenizer(text, return_special_tokens_mask=True, return_offsets_mapping=True)
    own = np.flatnonzero(np.array(encoding["special_tokens_mask"]) == 0)
    ids, offsets = np.array(encoding["input_ids"])[own], np.array(encoding["offset_mapping"]).reshape(-1, 2)[own]
    tokens = [
        Token(entry, int(start), int(end), int(number) == tokenizer.unk_token_id)
        for entry, number, (start, end) in zip(tokenizer.convert_ids_to_tokens(ids), ids, offsets, strict=True)
    ]
    wordpiece = getattr(tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)
    return aggregate(text, tokens, probabilities(logits[own]), LABELS, strategy, bool(wordpiece))


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_entities_are_those_of_transformers(pipe, strategy):
    found = [entities(pipe, text, strategy) for text in TEXTS]
    for text, ours in zip(TEXTS, found, strict=True):
        theirs = pipe(text, aggregation_strategy=strategy)
        name = "entity" if strategy == "none" else "entity_group"
        assert [(one.label, one.start, one.end) for one in ours] == [
            (one[name], one["start"], one["end"]) for one in theirs
        ]
        assert [one.score for one in ours] == pytest.approx([float(one["score"]) for one in theirs], abs=1e-5)
    assert sum(map(len, found)) > 3


def test_the_strategies_differ_on_these_texts(pipe):
    """The control: one that did as another would be seen."""
    found = {strategy: [entities(pipe, text, strategy) for text in TEXTS] for strategy in STRATEGIES}
    assert len({str(one) for one in found.values()}) == len(STRATEGIES)


WORD = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.0, 0.05, 0.95]])


@pytest.mark.parametrize(
    ("strategy", "label", "score"), [("first", 0, 0.5), ("average", 2, 1.45 / 3), ("max", 2, 0.95)]
)
def test_the_label_of_a_word(strategy, label, score):
    assert OF_WORDS[strategy](WORD) == (label, pytest.approx(score))


def test_of_equal_ones_the_first_is_taken():
    assert average_label(np.array([[0.5, 0.5], [0.5, 0.5]])) == (0, 0.5)
    assert max_label(np.array([[0.2, 0.8], [0.8, 0.2]])) == (1, 0.8)
