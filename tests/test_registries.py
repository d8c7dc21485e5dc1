"""A target, a scheme, a family or a platform is an object with properties: nothing asks for one by its name."""

import ast
from pathlib import Path

import pytest

from exporter.targets.registry import TARGETS

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "exporter").rglob("*.py"), *(ROOT / "runtimes").rglob("*.py")])
OWN = tuple(f"{top}/{name}/" for top in ("exporter/targets", "runtimes/backends") for name in TARGETS)
SCHEMES = {name for target in TARGETS.values() for name in target.schemes}
TELLING = ({*TARGETS} | SCHEMES) - {"none", "int8", "int4", "fp16"}
"""Names that mean nothing else; the others are types and values too, and count beside a word for what they name."""
WORDS = ("target", "scheme", "quantize", "backend")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def compared_by_name(source: str) -> list[str]:
    """Comparisons with the name of a target or a scheme, `match` among them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        parts = [node.value] if isinstance(node, ast.MatchValue) else parts
        texts = {one.value for part in parts for one in ast.walk(part) if isinstance(one, ast.Constant)}
        said = ast.unparse(node).lower()
        named = {one for one in texts if isinstance(one, str)} & (SCHEMES | {*TARGETS})
        if named & TELLING or (named and any(word in said for word in WORDS)):
            found.append(said)
    return found


@pytest.mark.parametrize("path", [path for path in SOURCES if not name(path).startswith(OWN)], ids=name)
def test_no_target_and_no_scheme_is_asked_for_by_its_name(path: Path) -> None:
    assert compared_by_name(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        'scheme == "int8"',
        'recipe.target != "onnx"',
        'if x in ("pq", "y"): pass',
        'one = 1 if "coreml" in wanted else 2',
        'match scheme:\n    case "w8a8":\n        pass',
    ],
)
def test_one_that_is_would_be_found(wrong: str) -> None:
    assert compared_by_name(wrong)
    assert not compared_by_name('dtype == "int8"')


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_has_all_of_its_objects(target: str) -> None:
    found = TARGETS[target]
    assert found.name == target
    assert {name: scheme.name for name, scheme in found.schemes.items()} == {name: name for name in found.schemes}
    assert all(scheme.error for scheme in found.schemes.values())
    assert all(one.metadata["help"] for one in found.option_fields)
    assert next(iter(found.schemes.values())).exact
