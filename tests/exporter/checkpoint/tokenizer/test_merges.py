"""A tokenizer.json of byte-level BPE whose merges name what its vocabulary lacks, or that draws its tokens."""

import json

import pytest
import transformers

from exporter.checkpoint.tokenizer.reading import open_tokenizer
from runtimes.errors import CheckpointError


@pytest.fixture
def whole(write_family, tmp_path):
    folder = write_family(tmp_path / "c", "roberta", "RobertaForTokenClassification")
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder / "tokenizer.json"


def changed(path, change):
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document["model"])
    path.write_text(json.dumps(document), encoding="utf-8")


HOSTILE = {
    "a part that is none": (
        lambda model: model["merges"].insert(3, ["zz", "q"]),
        "merge 3 .* names 'zz', which is no entry",
    ),
    "a line of parts": (lambda model: model.update(merges=["a zz"]), "merge 0 'a zz' names 'zz'"),
    "a result that is none": (lambda model: model["merges"].append(["q", "z"]), "names 'qz', which is no entry"),
    "drawn at random": (lambda model: model.update(dropout=0.5), "dropout 0.5 draws the tokens of a text at random"),
    "one id for two": (lambda model: model["vocab"].update(zz=7), "two entries of the vocabulary have one id"),
    "an id beyond all tables": (
        lambda model: model["vocab"].update(zz=1 << 31),
        "has the id 2,147,483,648, and no table",
    ),
    "three parts": (lambda model: model["merges"].append(["a", "b", "c"]), "cannot be read"),
}


@pytest.mark.parametrize(("change", "words"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_refused_in_one_line(whole, change, words):
    open_tokenizer(whole)  # the control: as transformers saved it
    changed(whole, change)
    with pytest.raises(CheckpointError, match=words) as error:
        open_tokenizer(whole)
    assert "\n" not in str(error.value)
