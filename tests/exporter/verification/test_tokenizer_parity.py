"""The ids of a bundle's tokenizer are held against AutoTokenizer's, and a difference names the setting."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import Tokenizer

from benchmarks.models.tokenizer_files import write_vocabulary
from exporter.checkpoint.tokenizer.reading import Reader, read_tokenizer
from exporter.verification.tokenizer_parity import compare_tokens, hear
from runtimes.backends.pytorch.tokenizer import Answerer
from runtimes.parity.compare import Parity, Verdict

WORDS = ["the", "cat", "dog", "café", "cafe", "zebra", "gnu", "##s", "a", "##b"]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
TEXTS = ("The cat", "the café", "cats and a dog")


@pytest.fixture
def folder(tmp_path):
    write_vocabulary(tmp_path, PIECES)
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<e1>": len(PIECES)}))
    return tmp_path


@pytest.fixture
def read(folder):
    return read_tokenizer(folder, Reader("BertTokenizer", ("input_ids",), len(PIECES) + 1))


@pytest.fixture
def heard(read):
    return hear(Answerer(), read, TEXTS, len(PIECES) + 1)


@pytest.fixture
def compared(heard, read, tmp_path):
    """The parity of a bundle whose tokenizer.json was changed."""

    def compare(change=lambda content: None, kept=None, heard=heard):
        content = json.loads(read.tokenizer.to_str())
        change(content)
        place = tmp_path / "bundle"
        place.mkdir(exist_ok=True)
        (place / "tokenizer.json").write_text(json.dumps(content))
        return compare_tokens(Parity(Verdict.PASS, "measured"), heard, SimpleNamespace(directory=place), kept)

    return compare


def swap(content, one="zebra", other="gnu"):
    entries = content["model"]["vocab"]
    entries[one], entries[other] = entries[other], entries[one]


FAULTS = {
    "normalizer.lowercase: expected true, found false": lambda c: c["normalizer"].update(lowercase=False),
    "normalizer.strip_accents: expected null, found false": lambda c: c["normalizer"].update(strip_accents=False),
    "model.vocab.zebra: expected 10, found 11": swap,
    "model.max_input_chars_per_word: expected 100, found 2": lambda c: c["model"].update(max_input_chars_per_word=2),
    "post_processor: expected TemplateProcessing, found null": lambda c: c.update(post_processor=None),
    "pre_tokenizer: expected BertPreTokenizer, found WhitespaceSplit": lambda c: c.update(
        pre_tokenizer={"type": "WhitespaceSplit"}
    ),
    "added_tokens.<e1>: expected": lambda c: c["added_tokens"].pop(),
    "added_tokens.<e1>.single_word: expected false": lambda c: c["added_tokens"][-1].update(single_word=True),
}


def test_the_same_tokenizer_passes_and_is_counted(compared, heard):
    parity = compared()
    assert (parity.verdict, parity.failures) == (Verdict.PASS, ())
    assert parity.coverage == {"tokenized_texts": len(heard.texts), "tokenized_entries": len(PIECES) + 1}
    assert {"The cat", ("The cat", "the café"), "one <e1> two<e1>three  <e1>"} < set(heard.texts)


@pytest.mark.parametrize("setting", FAULTS)
def test_another_tokenizer_in_the_bundle_fails_and_names_the_setting(compared, setting):
    parity = compared(FAULTS[setting])
    assert parity.verdict is Verdict.FAIL
    (failure,) = parity.failures
    assert failure.startswith("tokenizer: AutoTokenizer of transformers ")
    assert " and the bundle's tokenizer.json differ: " in failure
    assert setting in failure
    assert "ids [" in failure or "offsets [" in failure


def test_a_setting_that_changes_no_id_here_is_no_failure(compared):
    assert compared(lambda c: c["normalizer"].update(clean_text=True)).verdict is Verdict.PASS


def test_what_this_program_reads_otherwise_fails_too(compared, read):
    content = json.loads(read.tokenizer.to_str())
    swap(content)
    own = replace(read, tokenizer=Tokenizer.from_str(json.dumps(content)))
    heard = hear(Answerer(), own, TEXTS, len(PIECES) + 1)
    assert not heard.same
    (failure,) = compared(heard=heard).failures
    assert "the checkpoint's, as it is read here, differ: 'gnu' is ids [2, 11, 3] and [2, 10, 3]; model" in failure
    assert len(compared(swap, heard=heard).failures) == 2


def test_a_smaller_vocabulary_is_compared_in_its_own_ids(compared):
    kept = np.array([0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15])  # without café, cafe, zebra, gnu
    number = {int(old): new for new, old in enumerate(kept)}

    def trim(content):
        words = content["model"]["vocab"]
        content["model"]["vocab"] = {word: number[old] for word, old in words.items() if old in number}
        for token in content["added_tokens"]:
            token["id"] = number[token["id"]]

    assert compared(trim, kept).verdict is Verdict.PASS
    parity = compared(lambda content: (trim(content), swap(content, "cat", "dog")), kept)
    assert parity.verdict is Verdict.FAIL
    assert "'The cat' is ids [2, 5, 6, 3] and [2, 5, 7, 3]" in parity.failures[0]


def test_a_tokenizer_that_no_checkpoint_has_is_not_asked_for(read, compared):
    assert hear(Answerer(), replace(read, source=None), TEXTS, 16) is None
    assert compared(heard=None).coverage == {}
