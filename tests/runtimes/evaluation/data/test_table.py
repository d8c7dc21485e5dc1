"""Files of labelled rows: read whole, or refused with the line that is wrong."""

import csv
import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimes.errors import UsageError
from runtimes.evaluation.data.table import read_table

KNOWN = {"text", "label"}


@pytest.fixture
def write(tmp_path):
    def make(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_a_csv_with_a_header(write):
    table = read_table(write("a.csv", 'label,text\n1,"a ""b"", c"\n\n0,"two\nlines"\n2,last\n'), KNOWN)
    assert table.columns == ("label", "text")
    assert table.rows == [["1", 'a "b", c'], ["0", "two\nlines"], ["2", "last"]]
    assert table.lines == [2, 4, 6]
    assert table.header


def test_a_csv_without_a_header_says_so(write):
    table = read_table(write("a.csv", '"3","Fears for T N","Unions"\n"4","The race","SPACE"\n'), KNOWN)
    assert table.columns == ("1", "2", "3")
    assert len(table.rows) == 2
    assert "no header" in table.notes[0]


def test_columns_asked_for_by_number_mean_no_header(write):
    path = write("a.csv", "good,fine film\nbad,dull film\n")
    assert read_table(path, KNOWN, ("1", "2")).rows[0] == ["good", "fine film"]
    assert read_table(path, KNOWN, ("good",)).columns == ("good", "fine film")


def test_a_tsv_of_glue_quotes_nothing(write):
    table = read_table(write("dev.tsv", 'label\ttext\r\n1\t"half a quote\r\n0\tit is " odd\r\n'), KNOWN)
    assert table.rows == [["1", '"half a quote'], ["0", 'it is " odd']]


def test_a_tsv_that_needs_its_quotes_is_read_with_them_and_says_so(write):
    table = read_table(write("a.tsv", 'label\ttext\n1\t"a\tb"\n0\tc\n'), KNOWN)
    assert table.rows[0] == ["1", "a\tb"]
    assert "quotes taken" in table.notes[0]


def test_json_lines(write):
    table = read_table(write("a.jsonl", '{"text": "a", "label": 1}\n\n{"label": 0, "text": ["b"], "more": 2}\n'), KNOWN)
    assert table.rows == [["a", 1], [["b"], 0]]
    assert table.lines == [1, 3]


def test_gzip_a_byte_order_mark_and_a_format_that_is_told(write):
    content = b"\xef\xbb\xbftext,label\nx,1\n"
    assert read_table(write("a.csv.gz", gzip.compress(content)), KNOWN).columns == ("text", "label")
    assert read_table(write("data.txt", content), KNOWN, form="csv").rows == [["x", "1"]]


def test_a_million_characters_are_one_cell(write):
    limit = csv.field_size_limit()
    table = read_table(write("a.csv", "text,label\n" + "a " * 500_000 + ",1\n"), KNOWN)
    assert len(table.rows[0][0]) == 1_000_000
    assert csv.field_size_limit() == limit


BAD = {
    "nothing there": ("a.csv", b"", "no rows"),
    "a header alone": ("a.csv", b"text,label\n", "no rows"),
    "blank lines alone": ("a.jsonl", b"\n\n", "no rows"),
    "a name that says nothing": ("a.dat", b"text,label\nx,1\n", "pass --format"),
    "Latin-1": ("a.csv", "text,label\nx,1\ncafé,1\n".encode("latin-1"), "line 3: expected UTF-8, found byte 0xe9"),
    "a row too short": ("a.csv", b"text,label\nx,1\ny\n", "line 3: 1 cells, where the first line has 2"),
    "a row too long": ("a.tsv", b"text\tlabel\nx\t1\t2\n", "line 2: 3 cells"),
    "a quote that never ends": ("a.csv", b'text,label\n"x,1\ny,2\n', "line 2: quotes that do not match"),
    "text after a quote": ("a.csv", b'text,label\n"x"y,1\n', "quotes that do not match"),
    "a name twice": ("a.csv", b"text,label,text\nx,1,y\n", "named twice: 'text'"),
    "a key twice": ("a.jsonl", b'{"text": "a", "text": "b"}\n', "a name twice"),
    "not JSON": ("a.jsonl", b'{"text": "a"}\n{"text": \n', "line 2: expected one JSON object"),
    "a JSON array": ("a.json", b'[\n{"text": "a"}\n]', "write one object a line"),
    "a JSON document": ("a.json", b'{\n"data": [1]\n}', "write one object a line"),
    "JSON of another kind": ("a.jsonl", b"[1, 2]\n", "found list"),
    "deep JSON": ("a.jsonl", b"[" * 100_000, "expected one JSON object"),
    "no gzip": ("a.csv.gz", b"text,label\nx,1\n", "not gzip"),
    "half a gzip": ("a.csv.gz", gzip.compress(b"text,label\n" + b"x,1\n" * 1000)[:-20], "ends early"),
    "a gzip with a wrong byte": ("a.csv.gz", gzip.compress(b"text,label\nx,1\n")[:-8] + b"x" * 8, "damaged"),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_read_whole_is_refused_in_a_line(write, name, content, words):
    path = write(name, content)
    with pytest.raises(UsageError) as refusal:
        read_table(path, KNOWN)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith(str(path))
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(UsageError, match=r"cannot be read|expected a name"):
            read_table(path, KNOWN)


CELLS = st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=2, max_size=2), min_size=1, max_size=5)


@given(CELLS)
def test_whatever_a_spreadsheet_writes_comes_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    assert read_table(path, KNOWN).rows == rows


@given(st.lists(st.fixed_dictionaries({"text": st.text(), "label": st.integers()}), min_size=1, max_size=5))
def test_json_lines_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("jsonl") / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_table(path, KNOWN).rows == [[row[name] for name in rows[0]] for row in rows]
