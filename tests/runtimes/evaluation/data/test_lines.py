"""Lines of a file: parted by line ends alone, read as their mark says, and never more than there may be."""

import gzip
import json
import subprocess
import sys

import pytest

from exporter.options.text_files import texts
from runtimes.errors import UsageError
from runtimes.evaluation.data import corpus, lines, table
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.table import MAX_COLUMNS, read_table

INSIDE = "a\x0bb\x0cc\x1cd\x1de\x1ef\x85g\u2028h\u2029i"
"""What `str.splitlines` parts, and no editor does."""


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("read", [read_texts, texts], ids=["rows", "--texts"])
def test_only_line_ends_part_lines(tmp_path, read, end):
    path = tmp_path / "texts.txt"
    path.write_bytes(f"{INSIDE}{end}{end}second{end}".encode())
    assert read(path) == (INSIDE, "second")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_a_byte_order_mark_says_how_a_file_is_read(tmp_path, encoding, name):
    rows = {
        "c": "text,label\r\n東京 été,1\r\n",
        "t": "text\tlabel\n東京 été\t1\n",
        "j": '{"text": "東京 été", "label": "1"}\n',
    }
    mark = "" if encoding in ("utf-8-sig", "utf-16", "utf-32") else "\ufeff"
    content = (mark + rows[name[2]]).encode(encoding)
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert read_table(tmp_path / name, {"text"}).rows == [["東京 été", "1"]]


UNREADABLE = {
    "UTF-16 without a mark": ("text,label\nbad film,1\n".encode("utf-16-le"), "save it as UTF-8"),
    "half a character of UTF-16": ("\ufefftext,label\na,1\n".encode("utf-16-le") + b"\x00\xd8", "damaged utf-16"),
    "Latin-1": ("text,label\nx,1\né,1\n".encode("latin-1"), "line 3: expected UTF-8, found byte 0xe9"),
}


@pytest.mark.parametrize(("content", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_no_text_is_one_line(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_table(tmp_path / "a.csv", {"text"})


def packed(path, *parts):
    """Each part so many times; 64 MB, packed into some 64 kB."""
    with gzip.open(path, "wb", compresslevel=9) as file:
        for part, times in parts:
            each = max(1, (1 << 20) // len(part))
            for at in range(0, times, each):
                file.write(part * min(each, times - at))
    return path


MANY = 63_000_000
HOSTILE = {
    "line feeds.csv.gz": ([(b"text,label\n", 1), (b"\n", MANY)], "lines"),
    "rows.csv.gz": ([(b"a\n", MANY // 2)], "rows"),
    "commas.csv.gz": ([(b",", MANY)], "characters"),
    "wide rows.csv.gz": ([(b"," * 9999 + b"\n", MANY // 10_000)], "columns"),
    "rows of commas.csv.gz": ([(b"," * 1000 + b"\n", MANY // 1001)], "cells and elements"),
    "tabs.tsv.gz": ([(b"\t\t\t\n", MANY // 4)], "rows"),
    "a quote.csv.gz": ([(b'"', 1), (b"a\n", MANY // 2)], "a quote that never ends"),
    "objects.jsonl.gz": ([(b"{}\n", MANY // 3)], "without a name"),
    "objects of nothing.jsonl.gz": ([(b'{"a":0}\n', MANY // 8)], "rows"),
    "one key.jsonl.gz": ([(b'{"', 1), (b"a", MANY)], "characters"),
    "lists.jsonl.gz": ([(b'{"a":[' + b"[]," * 1000 + b"0]}\n", MANY // 3010)], "cells and elements"),
    "texts.txt.gz": ([(b"a\n", MANY // 2)], "texts"),
    "one text.txt.gz": ([(b"a ", MANY // 2)], "characters"),
}
READ = """
import json, sys, time
from pathlib import Path
from runtimes.errors import BertportError
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.table import read_table
from runtimes.process.peak_memory import peak_rss_bytes
told = {}
for path in map(Path, sys.argv[1:]):
    start = time.perf_counter()
    try:
        read_texts(path) if path.name.endswith(".txt.gz") else read_table(path, {"text"})
        outcome = "read"
    except BertportError as error:
        outcome = str(error)
    told[path.name] = outcome, time.perf_counter() - start
print(json.dumps([told, peak_rss_bytes()]))
"""


QUICK = (
    "commas.csv.gz",
    "wide rows.csv.gz",
    "a quote.csv.gz",
    "objects.jsonl.gz",
    "one key.jsonl.gz",
    "one text.txt.gz",
)


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """What a process says of a file, how long it took, and the process' peak."""
    folder = tmp_path_factory.mktemp("packed")

    def answer(names):
        paths = [packed(folder / name, *HOSTILE[name][0]) for name in names]
        assert max(path.stat().st_size for path in paths) < 300_000
        command = [sys.executable, "-c", READ, *map(str, paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    return answer


def refused(name, told):
    assert HOSTILE[name][1] in told
    assert told.endswith(("split it, or take a part of it", "correct it", "See --format", "expected a labelled text"))


def test_a_packed_file_of_nothing_is_refused_and_says_the_bound(ask):
    answers, peak_bytes = ask(QUICK)
    for name in QUICK:
        refused(name, answers[name][0])
    assert peak_bytes < 500_000_000


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*HOSTILE} - {*QUICK}))
def test_a_packed_file_of_very_little_is_refused_and_says_the_bound(ask, name):
    answers, peak_bytes = ask([name])
    refused(name, answers[name][0])
    assert peak_bytes < 1_600_000_000


SMALL = {
    "lines": ("a.csv", "text,label\na,1\n" + "\n" * 20, "more than 9 lines"),
    "blank lines of texts": ("a.txt", "\n" * 20, "more than 9 lines"),
    "rows": ("a.csv", "text,label\n" + "a,1\n" * 7, "more than 5 rows"),
    "objects": ("a.jsonl", '{"a": "a"}\n' * 7, "more than 5 rows"),
    "texts": ("a.txt", "a\n" * 7, "more than 5 texts"),
    "values": ("a.jsonl", '{"text": [' + "0," * 20 + "0]}\n", "more than 12 cells and elements"),
    "bytes": ("a.txt", "a" * 99, "more than 90 bytes"),
    "characters": ("a.txt", "a" * 61, "line 1 has more than 60 characters"),
}


@pytest.mark.parametrize(("name", "content", "words"), SMALL.values(), ids=SMALL)
def test_each_bound_is_said(tmp_path, monkeypatch, name, content, words):
    small = {"MAX_LINES": 9, "MAX_ROWS": 5, "MAX_VALUES": 12, "MAX_FILE_BYTES": 90, "MAX_LINE_CHARACTERS": 60}
    for limit, value in small.items():
        monkeypatch.setattr(lines, limit, value)
    for module in (corpus, table):
        monkeypatch.setattr(module, "MAX_ROWS", 5)
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=words):
        read_texts(tmp_path / name) if name.endswith("txt") else read_table(tmp_path / name, {"text"})


def test_the_control_a_hundred_thousand_rows_are_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + '"a film, they say",1\n' * 100_000)
    assert len(read_table(path, {"text"}).rows) == 100_000


def test_a_million_real_rows_are_within_every_bound():
    """Of the length of AG News, 40 words and four commas, and of MNLI's ten columns."""
    assert lines.MAX_ROWS >= 1_000_000
    assert lines.MAX_VALUES >= 1_000_000 * (10 + 4)
    assert lines.MAX_FILE_BYTES >= 1_000_000 * 250
    assert MAX_COLUMNS >= 1000
