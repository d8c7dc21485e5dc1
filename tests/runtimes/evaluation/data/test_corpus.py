"""Texts of a file, whatever else it holds: plain, CSV, TSV, JSON Lines, gzipped; and one line where there are none."""

import gzip
import json

import pytest

from exporter.cli.main import main
from runtimes.errors import UsageError
from runtimes.evaluation.data.corpus import read_texts

PLAIN = "the cat sleeps\n\na dog runs fast\n"
CSV = '"1","the cat","it ""sleeps"" here, now"\n"2","a dog","runs too fast"\n'
ROWS = [{"tokens": ["the", "cat"], "ner_tags": [0, 1]}, {"tokens": ["a", "dog"], "ner_tags": [0, 0]}]
SAME = {
    "plain text": ("texts.txt", PLAIN, ("the cat sleeps", "a dog runs fast")),
    "no known name": ("texts", PLAIN, ("the cat sleeps", "a dog runs fast")),
    "a named column": ("t.csv", "label,text\n1,the cat\n2,a dog\n", ("the cat", "a dog")),
    "no header, as AG News": ("t.csv", CSV, ('the cat it "sleeps" here, now', "a dog runs too fast")),
    "an unknown name": ("t.csv", "mood,words said\n1,the cat\n2,a dog\n", ("the cat", "a dog")),
    "a pair": ("t.tsv", "sentence1\tsentence2\tlabel\nthe cat\ta dog\t1\n", ("the cat\ta dog",)),
    "words": ("t.jsonl", "\n".join(map(json.dumps, ROWS)), ("the cat", "a dog")),
    "a line break in a cell": ("t.csv", 'text,label\n"the\ncat\tsleeps",1\n', ("the cat sleeps",)),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "content", "texts"), SAME.values(), ids=SAME)
def test_the_texts_are_found(tmp_path, name, content, texts, packed):
    path = tmp_path / (f"{name}.gz" if packed else name)
    path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
    assert read_texts(path) == texts


REFUSED = {
    "no text": ("t.txt", " \n\n", "holds no text"),
    "empty cells": ("t.csv", "text,label\n ,1\n", "holds no text"),
    "numbers alone": ("t.csv", "1,2\n3,4\n", "which column is the text"),
    "a damaged table": ("t.csv", "text,label\na b,1\nc d\n", "1 cells, where the first line has 2"),
    "not text": ("t.txt", "caf\udce9", "expected UTF-8"),
}


@pytest.mark.parametrize(("name", "content", "words"), REFUSED.values(), ids=REFUSED)
def test_what_holds_none_is_refused(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(UsageError, match=words):
        read_texts(tmp_path / name)


@pytest.mark.parametrize("option", ["--trim-vocabulary", "--frequency-from"])
def test_the_option_is_named(tmp_path, capsys, option):
    given = ["--quantize", "pq", option, str(tmp_path / "none.csv")]
    assert main(["export", "demo", *given, "-o", str(tmp_path / "out")]) == 2
    assert f"{option} {tmp_path}/none.csv: cannot be read" in capsys.readouterr().err
