"""Readers of the public labelled text that training and benchmarks use (never the product or its tests).

Every reader gives the texts as the model is to see them. AG News writes a line break as a backslash, which
becomes a space; title and description are joined by " . ", as in the training rows.
"""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

AG_NEWS_LABELS = ("World", "Sports", "Business", "Sci/Tech")


def ag_news_text(raw: str) -> str:
    """One line of AG News text: backslashes (its line breaks) and runs of blanks become one space."""
    return " ".join(raw.replace("\\", " ").split())


def ag_news_test(data: Path) -> tuple[list[str], list[int]]:
    """Return the official 7,600 test rows as (texts, labels 0..3)."""
    with (data / "ag_news" / "test.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return [ag_news_text(f"{title} . {text}") for _, title, text in rows], [int(label) - 1 for label, *_ in rows]


def ag_news_train(data: Path) -> tuple[list[str], list[int]]:
    """Return the 14,552 training rows (no text of the official test among them) as (texts, labels 0..3)."""
    with (data / "ag_news" / "train_subset.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [ag_news_text(row["text"]) for row in rows], [int(row["label"]) for row in rows]


def other_text(data: Path) -> Iterator[str]:
    """Yield the training texts of IMDB and RTE, without labels: more English for masked-language pre-training."""
    with gzip.open(data / "imdb" / "train.csv.gz", "rt", newline="", encoding="utf-8") as file:
        yield from (row["text"].replace("<br />", " ") for row in csv.DictReader(file))
    for line in (data / "rte" / "train.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        yield from line.split("\t")[1:3]
