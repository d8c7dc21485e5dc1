"""Each tutorial's blocks, run one after the other in an empty folder as its reader would; and the notebook."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

TUTORIALS = Path(__file__).parents[2] / "docs" / "tutorials"
NOTEBOOK = TUTORIALS / "export-and-verify.ipynb"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILES = {"toml": "bertport.toml"}
"""What a block of these languages is saved as."""
_NOT_RUN = {"text", "yaml"}
"""What needs what is not here: training rows, a Mac, GitHub. It is said in the text beside it."""


def blocks(page: Path) -> list[tuple[str, str]]:
    return [found for found in _BLOCK.findall(page.read_text(encoding="utf-8")) if found[0] not in _NOT_RUN]


def run(language: str, code: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    if language in _FILES:
        (folder / _FILES[language]).write_text(code, encoding="utf-8")
        code = ":"
    command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euo", "pipefail", "-c", code]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", sorted(page.name for page in TUTORIALS.glob("*.md")))
def test_every_block_runs(name, tmp_path):
    found = blocks(TUTORIALS / name)
    assert found
    for language, code in found:
        done = run(language, code, tmp_path)
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
    assert list(tmp_path.iterdir())


def test_what_a_page_says_is_printed_is(tmp_path):
    (program,) = [code for language, code in blocks(TUTORIALS / "first-export.md") if language == "python"]
    assert "It prints 1:" in (TUTORIALS / "first-export.md").read_text(encoding="utf-8")
    bundle = "bertport export demo --target onnx --quantize int8 --no-verify -o news/onnx-int8"
    assert run("bash", bundle, tmp_path).returncode == 0
    assert run("python", program, tmp_path).stdout == "1\n"


def test_a_command_that_fails_is_noticed(tmp_path):
    assert run("bash", "bertport export demo --target none-such", tmp_path).returncode == 2
    assert run("bash", "false\ntrue", tmp_path).returncode == 1


def executed(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    return NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # what it prints is made where it is read
    done = executed(notebook, tmp_path)
    assert "Sports" in "".join(str(cell.get("outputs")) for cell in done.cells)


def test_a_notebook_that_fails_is_noticed(tmp_path):
    cell = nbformat.v4.new_code_cell("assert 1 == 2")
    with pytest.raises(CellExecutionError):
        executed(nbformat.v4.new_notebook(cells=[cell]), tmp_path)
