"""What LiteRT says of XNNPACK is not heard, and everything else is."""

import subprocess
import sys

import pytest

_LINE = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


def run(code, path):
    """What a process of its own says on standard error."""
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


OPEN = "import sys; from runtimes.backends.litert.session import open_interpreter as opened; opened(sys.argv[1], 1)"
BESIDE = f"import threading; e = threading.Event(); threading.Thread(target=e.wait).start(); {OPEN}; e.set()"
BARE = "import sys; from ai_edge_litert.interpreter import Interpreter as I; I(sys.argv[1]).allocate_tensors()"
SPEAKING = f"""
import os, sys
from runtimes.backends.litert import session
made = session.Interpreter
def speaking(**given):
    os.write(2, b"a word of its own\\n")
    return made(**given)
session.Interpreter = speaking
{OPEN.partition("; ")[2]}
print("after", file=sys.stderr)
"""
CLOSED = f"import os; os.close(2); {OPEN}"


@pytest.fixture
def path(graph):
    x = graph.input("x", (1, 1))
    graph.node("ADD", [x, x], (1, 1), name="y", activation=0)
    return graph.saved()


def test_what_litert_says_of_xnnpack_is_left_out(path):
    assert run(OPEN, path) == ""


def test_it_is_said_otherwise(path):
    """The controls: LiteRT says it, and where another thread may write meanwhile, it stays."""
    assert run(BARE, path).splitlines() == [_LINE]
    assert run(BESIDE, path).splitlines() == [_LINE]


def test_all_else_is_heard_in_its_order(path):
    assert run(SPEAKING, path).splitlines() == ["a word of its own", "after"]


def test_where_nobody_listens_it_opens_too(path):
    assert run(CLOSED, path) == ""
