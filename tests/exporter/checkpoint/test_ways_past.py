"""Every refusal of what a checkpoint asks for says what to do next: correct a file, pass an option, export another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3] / "exporter"
STEPS = "pass|leave|drop|export|write|set|correct|merge|put|save|remove|fine-tune|install|name|give|convert|cut".split(
    "|"
)
NAMED = {"PASS", "_STEP", "advice", "_CONVERT", "step"}
"""What holds such a step, said once for several."""


def refusals():
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UnsupportedError":
                yield pytest.param(node.args[0], id=f"{path.relative_to(ROOT)}:{node.lineno}")


def parts(message):
    values = message.values if isinstance(message, ast.JoinedStr) else [message]
    for one in values:
        yield one.value if isinstance(one, ast.Constant) else "".join(ast.unparse(one))


@pytest.mark.parametrize("message", [*refusals()])
def test_a_refusal_names_a_next_step(message):
    told = " ".join(parts(message))
    after = told.replace(": ", "; ").split("; ")[1:]
    words = {word.strip("{}'\",():") for text in after for word in text.split()}
    assert words & {*STEPS, *(f"f'{{{name}}}'" for name in NAMED)} or any(name in told for name in NAMED), told


def test_there_are_refusals():
    assert len([*refusals()]) > 30
