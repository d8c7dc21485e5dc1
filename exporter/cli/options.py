"""What several commands need: what is said where, texts from a file, and the options of a comparison."""

import argparse
import math
import sys
from pathlib import Path

from exporter.verification.verify import Limit
from runtimes.errors import UsageError, visible
from runtimes.parity.compare import Parity, Verdict
from runtimes.reporting.terminal import covered


def say(text: str) -> None:
    """Progress and warnings go to stderr; stdout holds the result alone."""
    print(f"bertport: {visible(text)}", file=sys.stderr)


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
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def limit(parsed: argparse.Namespace) -> Limit:
    """What `add_checks` was told of the budget. Raises UsageError for what is no amount."""
    for option in ("atol", "max_relative", "min_agreement", "min_cosine"):
        value = getattr(parsed, option)
        if value is not None and not (math.isfinite(value) and (value >= 0 or option == "min_cosine")):
            raise UsageError(f"--{option.replace('_', '-')} {value}: expected a number of 0 or more")
    return Limit(parsed.atol, parsed.max_relative, parsed.min_agreement, parsed.min_cosine)


def texts(path: Path | None) -> tuple[str, ...]:
    """The texts of a file given by --texts; none without it.

    A tab parts the two texts of a pair, or a text and its choices; of a table its columns do. Raises UsageError for a
    file without text, or with pairs in some lines alone.
    """
    if path is None:
        return ()
    from runtimes.evaluation.data.corpus import battery_texts

    try:
        found = battery_texts(path)
    except UsageError as error:
        raise UsageError(f"--texts {error}") from error
    if not found:
        raise UsageError(f"--texts {path}: holds no text; write one a line")
    tabs = [line.count("\t") for line in found]
    odd = next((number for number, count in enumerate(tabs) if count != tabs[0]), None)
    if odd is not None:
        raise UsageError(
            f"--texts {path}: {tabs[0]} tabs in the first text and {tabs[odd]} in text {odd + 1}; a tab parts texts "
            "of a pair, so that every line holds as many"
        )
    return found


def corpus(path: Path | None, option: str) -> tuple[str, ...]:
    """The texts of a file given by `option`, plain or a table of labelled rows; none without it."""
    if path is None:
        return ()
    from runtimes.evaluation.data.corpus import read_texts

    try:
        return read_texts(path)
    except UsageError as error:
        raise UsageError(f"{option} {error}") from error


def exit_code(parities: list[Parity]) -> int:
    """1 when any is beyond its budget, else 0."""
    return int(any(parity.verdict is Verdict.FAIL for parity in parities))


def tell(results: list[tuple[str, Parity]], *, bundles: bool = True) -> None:
    """Say what was audited, and the warnings and failures, of each named parity; `bundles` can be explained."""
    for name, parity in results:
        if parity.coverage:
            say(f"{name}: {covered(parity.coverage)}")
        for text in parity.warnings:
            say(f"{name}: warning: {text}")
        for text in parity.failures:
            say(f"{name}: parity failed: {text}")
        if bundles and parity.verdict is Verdict.FAIL:
            say(f"{name}: `bertport verify BUNDLE --explain` says where (--keep-failing keeps such a bundle)")


def parity_record(parity: Parity) -> dict[str, object]:
    """For JSON."""
    return parity.as_record()
