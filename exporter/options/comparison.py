"""The options of a comparison with PyTorch: texts and budgets."""

import argparse
import math
from pathlib import Path

from exporter.options.answering import add_answering
from exporter.options.help import add_json, defaults_to
from exporter.verification.check import Limit
from runtimes.errors import UsageError

_SCHEMES = defaults_to("the scheme's budget")
_TEXTS = (
    "Compare on real text of the task, one a line or a table with a header; with labels (see bertport evaluate) the "
    "task's metric is held to the budget too. " + defaults_to("the texts that bertport brings")
)
_AGREEMENT = (
    "Fail where the 95 %% interval of the share of PyTorch's own decisions (entities and answers: F1) is below this. "
    + _SCHEMES
)


_LIMITS = (
    (("--max-absolute", "--atol"), "AMOUNT", "Allow a logit to differ by at most this. " + _SCHEMES),
    (("--max-relative",), "SHARE", "Allow a logit to differ by at most this share of the logit range. " + _SCHEMES),
    (("--min-agreement",), "SHARE", _AGREEMENT),
    (("--min-cosine",), "COSINE", "Ask for at least this cosine of an embedding to PyTorch's. " + _SCHEMES),
)
"""The options of a budget: their names, what they take, and what they are for."""


def add_checks(parser: argparse.ArgumentParser) -> None:
    """Add what a comparison with PyTorch may be told."""
    group = parser.add_argument_group("comparison with PyTorch")
    group.add_argument("--texts", type=Path, metavar="FILE", help=_TEXTS)
    group.add_argument("--pairs", action="store_true", help="Read texts in pairs, as for inference or paraphrase.")
    for flags, metavar, told in _LIMITS:
        group.add_argument(*flags, type=float, metavar=metavar, help=told)
    add_answering(group)
    add_json(parser)


def limit(parsed: argparse.Namespace) -> Limit:
    """What `add_checks` was told of the budget. Raises UsageError for what is no amount."""
    for option in ("max_absolute", "max_relative", "min_agreement", "min_cosine"):
        value = getattr(parsed, option)
        if value is not None and not (math.isfinite(value) and (value >= 0 or option == "min_cosine")):
            raise UsageError(f"--{option.replace('_', '-')} {value}: expected a number of 0 or more")
    return Limit(parsed.max_absolute, parsed.max_relative, parsed.min_agreement, parsed.min_cosine)
