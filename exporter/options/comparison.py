"""The options of a comparison with PyTorch: texts and budgets."""

import argparse
import math
from pathlib import Path

from exporter.options.answering import add_answering
from exporter.verification.check import Limit
from runtimes.errors import UsageError

_TEXTS = (
    "real text of the task to compare on: one a line, or a table with a header; with labels (see bertport evaluate) "
    "the task's metric is held to the budget too"
)
_AGREEMENT = (
    "least share of decisions that are PyTorch's (entities and answers: F1); a run fails where its 95 %% interval is "
    "below"
)


def add_checks(parser: argparse.ArgumentParser) -> None:
    """Add what a comparison with PyTorch may be told."""
    parser.add_argument("--texts", type=Path, metavar="FILE", help=_TEXTS)
    parser.add_argument("--pairs", action="store_true", help="texts are read in pairs, as for inference or paraphrase")
    parser.add_argument("--atol", type=float, help="largest absolute difference of a logit allowed")
    parser.add_argument("--max-relative", type=float, help="the same, as a share of the logit range")
    parser.add_argument("--min-agreement", type=float, help=_AGREEMENT)
    parser.add_argument("--min-cosine", type=float, help="least cosine of an embedding to PyTorch's")
    add_answering(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def limit(parsed: argparse.Namespace) -> Limit:
    """What `add_checks` was told of the budget. Raises UsageError for what is no amount."""
    for option in ("atol", "max_relative", "min_agreement", "min_cosine"):
        value = getattr(parsed, option)
        if value is not None and not (math.isfinite(value) and (value >= 0 or option == "min_cosine")):
            raise UsageError(f"--{option.replace('_', '-')} {value}: expected a number of 0 or more")
    return Limit(parsed.atol, parsed.max_relative, parsed.min_agreement, parsed.min_cosine)
