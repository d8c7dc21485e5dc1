"""What commands print of the demo: no wider than the terminal, every column named, and no colours where none belong."""

import json
import re

import pytest
from rich.table import Table

from exporter.cli.main import main
from runtimes.evaluation.tables import candidates_table
from runtimes.reporting.terminal import lines, plain_table, show

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*;)?[34][0-9]m")
FRAME = "┏┃┡│├└┌"
ROWS = "text,label\nthe team won the final,Sports\nshares fell on Monday,Business\na new processor,Sci/Tech\n"


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Bundles of the demo, and labelled rows."""
    place = tmp_path_factory.mktemp("demo")
    (place / "texts.txt").write_text("the team won the final\nshares fell on Monday\n", encoding="utf-8")
    (place / "rows.csv").write_text(ROWS, encoding="utf-8")
    asked = ["--target", "onnx", "--target", "coreml", "--sequence-length", "16", "--quantize", "fp16"]
    assert main(["export", "demo", *asked, "--no-verify", "-o", str(place / "out")]) == 0
    return place


CALLS = {
    "verify": lambda demo: ["verify", demo / "out" / "onnx-fp16", "--texts", demo / "texts.txt", "--explain"],
    "inspect onnx": lambda demo: ["inspect", demo / "out" / "onnx-fp16"],
    "inspect coreml": lambda demo: ["inspect", demo / "out" / "coreml-fp16"],
    "evaluate": lambda demo: ["evaluate", demo / "out" / "onnx-fp16", "--data", demo / "rows.csv"],
    "doctor": lambda demo: ["doctor"],
}


def printed(call, demo, capsys):
    capsys.readouterr()
    assert main([*map(str, CALLS[call](demo))]) == 0
    return capsys.readouterr().out


def framed(said):
    return [line.rstrip() for line in ESCAPES.sub("", said).splitlines() if line[:1] in FRAME]


def headers(said):
    """The cells of each header, their lines put together."""
    for header in re.findall(r"┏[^\n]*\n(.*?)┡", ESCAPES.sub("", said), re.DOTALL):
        rows = [line.strip().strip("┃").split("┃") for line in header.strip().splitlines()]
        yield ["".join(cells).strip() for cells in zip(*rows, strict=True)]


@pytest.fixture
def terminal(monkeypatch):
    """Takes what is printed for a terminal of so many columns; rich asks FORCE_COLOR whether it is one."""

    def wide(columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.delenv("NO_COLOR", raising=False)

    return wide


@pytest.mark.parametrize("columns", [80, 60])
@pytest.mark.parametrize("call", CALLS)
def test_no_table_is_wider_than_the_terminal(call, columns, demo, terminal, capsys):
    terminal(columns)
    table = framed(printed(call, demo, capsys))
    assert len(table) > 3
    assert max(map(len, table)) <= columns


@pytest.mark.parametrize("call", CALLS)
def test_every_column_has_a_name(call, demo, capsys):
    found = list(headers(printed(call, demo, capsys)))
    assert found
    assert [cells for cells in found if not all(cells)] == []


def test_a_pipe_gets_every_column_and_no_escapes(demo, capsys, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    said = printed("verify", demo, capsys)
    assert "\x1b" not in said
    assert next(headers(said))[:3] == ["bundle", "MB", "parity"]


def test_no_color_is_heard(demo, terminal, capsys, monkeypatch):
    terminal(80)
    show(Table("red", style="red"))
    assert COLOURS.search(capsys.readouterr().out)
    monkeypatch.setenv("NO_COLOR", "1")
    show(Table("red", style="red"))
    assert not COLOURS.search(capsys.readouterr().out)
    assert not COLOURS.search(printed("inspect coreml", demo, capsys))


def test_one_finding_of_many_operations_is_one_row_with_their_count(demo, capsys):
    said = printed("inspect coreml", demo, capsys)
    rows = [[cell.strip() for cell in line.split("│")[1:4]] for line in said.splitlines() if "takes the room" in line]
    assert len({finding for finding, *_ in rows}) == len(rows)
    assert max(int(count) for _, count, _ in rows) > 3
    assert all(named.endswith(f"and {int(count) - 3} more") for _, count, named in rows if int(count) > 3)
    assert sum(int(count) for _, count, _ in rows) == said_in_all(demo, capsys)


def said_in_all(demo, capsys):
    """Findings that the JSON lists, an operation each."""
    assert main(["inspect", str(demo / "out" / "coreml-fp16"), "--json"]) == 0
    return len(json.loads(capsys.readouterr().out)["findings"])


def test_what_does_not_fit_is_a_block_a_row_and_nothing_of_it_is_lost(terminal, capsys):
    terminal(80)
    cells = [f"cell-{number}" * 2 for number in range(10)]
    show(candidates_table("tried", "accuracy", [cells, cells]))
    said = ESCAPES.sub("", capsys.readouterr().out)
    assert [said.count(cell) for cell in cells] == [2] * 10
    assert "accuracy, PyTorch" in said
    assert max(map(len, framed(said))) <= 80


@pytest.mark.parametrize("made", [plain_table, lines])
def test_what_fits_stays_a_table(made, terminal, capsys):
    terminal(80)
    show(made("t", ("one", "two", "three", "four"), [("1", "2", "3", "4")]))
    assert list(headers(capsys.readouterr().out)) == [["one", "two", "three", "four"]]


def test_an_empty_header_or_a_wide_table_would_be_seen(capsys):
    show(plain_table("t", ("one", ""), [("1", "2" * 100)]))
    said = capsys.readouterr().out
    assert list(headers(said)) == [["one", ""]]
    assert max(map(len, framed(said))) > 80
