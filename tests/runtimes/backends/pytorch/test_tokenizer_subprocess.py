"""Where transformers is not imported, a process of its own is asked for the tokenizer that it makes."""

import json
import sys

import pytest

from runtimes.backends.pytorch.tokenizer_source import TokenizerSource
from runtimes.backends.pytorch.tokenizer_subprocess import open_in_subprocess
from runtimes.errors import CheckpointError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A vocabulary with a marker beside it, seen by a process that has no transformers."""
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
    (tmp_path / "added_tokens.json").write_text('{"<e1>": 6}')
    monkeypatch.setitem(sys.modules, "transformers", None)
    return tmp_path


def test_it_tells_what_transformers_makes(folder):
    found = open_in_subprocess(TokenizerSource(folder, "bert"))
    added = {token["content"]: token["id"] for token in json.loads(found.content)["added_tokens"]}
    assert added["<e1>"] == 6
    assert found.special["mask_token"] == "[MASK]"
    assert found.name.startswith("BertTokenizer")
    assert len(found.texts.ends) == len(found.entries.ends) == 0


def test_what_it_refuses_is_our_error(folder):
    with pytest.raises(CheckpointError, match=r"tokenizer_class BertJapaneseTokenizer runs in Python alone") as error:
        open_in_subprocess(TokenizerSource(folder, "bert", "BertJapaneseTokenizer"))
    assert str(error.value).startswith(f"{folder}: ")
