"""Default texts of a comparison: news kept beside the demo checkpoint, in the form of the task.

No news holds a question: of question answering each text is asked about, by its own words, as SQuAD's authors ask.
"""

import json
import re
from collections.abc import Sequence

from exporter.checkpoint.source import DEMO_DIRECTORY
from exporter.model.tasks import QUESTION_ANSWERING, Task
from runtimes.files.bounded_read import read_own

TEST_ROWS = DEMO_DIRECTORY / "test_rows.jsonl"
_TEXTS = 96
_NAME = re.compile(r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)*")
_QUESTIONS = (
    "What did {name} do?",
    "Who is said to have met {name}?",
    "When was {name} in the news?",
    "Where is {name} from?",
    "How many people does {name} have?",
    "What is said of {name}?",
    "Why is {name} in the news?",
    "Which company or team does {name} belong to?",
)


def default_texts(task: Task | None = None) -> list[str]:
    """English news in four topics; of a task that answers questions a question before each, parted by a tab."""
    return _in_form(_rows()[:_TEXTS], task)


def further_texts(task: Task | None = None) -> list[str]:
    """More of the same, for figures that `default_texts` leave open."""
    return _in_form(_rows()[_TEXTS:], task)


def _rows() -> list[str]:
    return [json.loads(line)["text"] for line in read_own(TEST_ROWS).splitlines()]


def _in_form(texts: Sequence[str], task: Task | None) -> list[str]:
    if task is not QUESTION_ANSWERING:
        return list(texts)
    return [f"{_question(text, number)}\t{text}" for number, text in enumerate(texts)]


def _question(text: str, number: int) -> str:
    """One about a name of the text: not its first word, which has a capital letter whatever it is."""
    names = _NAME.findall(text.partition(" ")[2]) or ["the report"]
    return _QUESTIONS[number % len(_QUESTIONS)].format(name=names[number % len(names)])
