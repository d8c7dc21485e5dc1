"""What a user is shown is defined in `runtimes.parity.shown` alone: no second constant, threshold or label."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtimes.parity.shown import LONGEST_ANSWER, SHARED_TOKENS, TOP_TOKENS, WINDOW_TOKENS

ROOT = Path(__file__).parent.parent
DEFINITION = ROOT / "runtimes" / "parity" / "shown.py"
PRINTED = sorted((ROOT / "exporter" / "targets").rglob("loading_python.py"))
"""Lines for a reader's own program, which has nothing of ours to import: they state the rule, with our constants."""
PYTHON = [
    path
    for folder in ("runtimes", "exporter")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if path not in (DEFINITION, *PRINTED)
]
KITS = [
    path
    for path in sorted((ROOT / "exporter" / "appkit").rglob("*"))
    if path.suffix in (".js", ".ts", ".kt", ".swift") and path.name != "package.json"
]
NUMBERS = "|".join(map(str, (LONGEST_ANSWER, WINDOW_TOKENS, SHARED_TOKENS, 30)))
"""And the longest answer of transformers' training examples, which once stood beside ours."""

LABELS = r'"(?:O|B-|I-)"'
CONSTANT = rf"(?i)(?:answer|longest|window|stride|shared)\w*\"?[^\n;\"']*(?:[=:] ?|min\([^\n]*, ?)(?:{NUMBERS})\b"
PYTHON_RULES = {
    "labels of entities": LABELS,
    "a constant": CONSTANT,
    "the best label": r"logits\"?\]?(?:\[[^\]]*\])?\.argmax\(|\.argmax\((?:axis=)?-1\)|argmax\([^\n)]*logits",
    "the threshold": r"logits\"?\]? *>=? *0",
    "the best tokens": rf"argsort\([^\n]*\[[^\]\n]*:(?:{TOP_TOKENS}|_?TOP\w*)\]",
    "no answer": r"(?:==|!=|in|or) \(0, 0\)|\(0, 0\) (?:==|!=|in)\b",
}
KIT_RULES = {
    "labels of entities": LABELS,
    "a constant": CONSTANT,
    "the threshold": r"\b(?:value|it|logit\w*|\$0) *>=? *0(?:\.0)?\b",
}


def found(paths: list[Path], rules: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for name, pattern in rules.items():
            for match in re.finditer(pattern, text):
                yield path.relative_to(ROOT).as_posix(), name, match.group()


def test_python_has_one_definition():
    assert len(PYTHON) > 300
    assert list(found(PYTHON, PYTHON_RULES)) == []
    assert PRINTED
    assert list(found(PRINTED, {name: PYTHON_RULES[name] for name in ("a constant", "the best tokens")})) == []


def test_the_kits_have_none_of_their_own():
    assert len(KITS) > 40
    assert list(found(KITS, KIT_RULES)) == []


SECOND_ONES = [
    (PYTHON_RULES, "labels of entities", '_ENTITY_PREFIXES = ("B-", "I-")'),
    (PYTHON_RULES, "a constant", "MAX_ANSWER_TOKENS = 30"),
    (PYTHON_RULES, "a constant", "def best(starts, ends, longest: int = 15):"),
    (PYTHON_RULES, "a constant", "window = min(max_tokens, 384)"),
    (PYTHON_RULES, "the best label", 'return int(outputs["logits"].argmax())'),
    (PYTHON_RULES, "the best label", "(reference.argmax(-1) == candidate.argmax(-1)).mean()"),
    (PYTHON_RULES, "the threshold", 'np.where(candidate["logits"] > 0, noise, -noise)'),
    (PYTHON_RULES, "the best tokens", "np.argsort(-logits, axis=-1)[..., :_TOP]"),
    (PYTHON_RULES, "no answer", "if (0, 0) in (left, right):"),
    (KIT_RULES, "labels of entities", 'return groups.filter { it.tag.shown != "O" }'),
    (KIT_RULES, "labels of entities", 'const begins = label.startsWith("B-");'),
    (KIT_RULES, "a constant", "async answer(question, context, { longest = 15, stride } = {}) {"),
    (KIT_RULES, "a constant", "fun answer(question: String, context: String, longest: Int = 15): Answer?"),
    (KIT_RULES, "a constant", "private static let windowTokens = 384"),
    (
        KIT_RULES,
        "a constant",
        "windows(text, { maxLength, stride = Math.min(Math.floor(maxLength / 2), 128) }) {",
    ),
    (KIT_RULES, "a constant", "let stride = stride ?? min(maxLength / 2, 128)"),
    (KIT_RULES, "the threshold", "values.map { it > 0 }"),
    (KIT_RULES, "the threshold", "return Array.from(values, (value) => value > 0);"),
]
"""Second definitions that there were, or would be."""


@pytest.mark.parametrize(("rules", "name", "line"), SECOND_ONES)
def test_a_second_definition_would_be_found(rules, name, line):
    assert re.search(rules[name], line)
