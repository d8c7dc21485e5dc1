"""What every contender is timed on and answers: batches of real text."""

from dataclasses import dataclass

from benchmarks.peers.contenders import SHAPES
from exporter.checkpoint.checkpoint import Checkpoint
from runtimes.parity.cases import Encoder, Limits

UNLABELLED_ROWS = 100
TEXTS = 32
LONGEST_MIXED = 128
MIXED, ALONE = f"{TEXTS} texts", f"{TEXTS} texts, each alone"
"""Texts of their own lengths: as one batch padded to the longest, of 128 tokens at most, and one after the other."""


@dataclass(frozen=True)
class Text:
    """Rows of token ids to answer, their labels if the model was trained for them, and each timed case: its batches."""

    rows: list[list[int]]
    labels: list[int] | None
    cases: dict[str, list[list[list[int]]]]


def text_of(checkpoint: Checkpoint, texts: list[str], labels: list[int] | None) -> Text:
    """Real text: rows to answer (few without labels), and full batches cut from it as one stream, [CLS] … [SEP]."""
    geometry = checkpoint.geometry
    encode = Encoder(checkpoint.tokenizer.tokenizer, Limits(geometry.positions, geometry.types, 0))
    rows = [encode.batch([encode.row(text)]).ids[0].tolist() for text in texts]
    first, last = rows[0][0], rows[0][-1]
    stream = [number for row in rows for number in row[1:-1]]
    cases = {}
    for name, (count, tokens) in SHAPES.items():
        inner = tokens - 2
        cases[name] = [[[first, *stream[i * inner : (i + 1) * inner], last] for i in range(count)]]
    mixed = [row for row in rows if len(row) <= LONGEST_MIXED][:TEXTS]
    cases |= {MIXED: [mixed], ALONE: [[row] for row in mixed]}
    return Text(rows if labels else rows[:UNLABELLED_ROWS], labels, cases)


def as_one_text(batch: list[list[int]]) -> str:
    """As `child.feeds_of` reads it: padded to the longest row."""
    longest = max(map(len, batch))
    ids = (str(number) for row in batch for number in (*row, *[0] * (longest - len(row))))
    return f"{len(batch)}x{longest} {' '.join(ids)}"
