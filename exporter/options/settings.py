"""The options of targets and schemes."""

import argparse
from pathlib import Path

from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression.calibration import EPOCHS, Finetune
from exporter.compression.product_quantization import DIMENSIONS
from exporter.options.targets import add_target_options, check_given, target_options, targets
from exporter.options.text_files import corpus
from exporter.targets.target import Settings
from runtimes.errors import UsageError


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare what each target may be told."""
    add_target_options(parser)
    parser.add_argument(
        "--pq-dims", type=int, choices=DIMENSIONS, help=f"pq, pq4: numbers in a byte (default {DIMENSIONS[0]})"
    )
    parser.add_argument(
        "--frequency-from",
        type=Path,
        metavar="FILE",
        help="pq, pq4: texts, or labelled rows, that say which tokens matter",
    )
    parser.add_argument(
        "--trim-vocabulary",
        type=Path,
        metavar="FILE",
        help="keep only the tokens that its texts, or labelled rows, use",
    )
    parser.add_argument("--min-count", type=int, default=1, metavar="K", help="how often a token must occur in them")
    parser.add_argument(
        "--keep-tokens", "--keep-pieces", type=int, metavar="N", help="the commonest of them, N tokens in all"
    )
    parser.add_argument(
        "--finetune-codes",
        type=Path,
        metavar="FILE",
        help="pq, pq4: texts, or labelled rows, to learn from the float model",
    )
    parser.add_argument("--finetune-epochs", type=int, metavar="N", help=f"how often all are read (default {EPOCHS})")
    parser.add_argument(
        "--keep", action="append", metavar="PATTERN", help="weights kept as float16, or with =int8 so; may repeat"
    )


def settings(parsed: argparse.Namespace) -> Settings:
    """What `add_settings` was told. Raises UsageError for an option that none of the targets in `parsed` has."""
    check_given(parsed, targets(parsed))
    return Settings(
        target_options(parsed),
        tuple(dict.fromkeys(parsed.keep or ())),
        parsed.pq_dims or DIMENSIONS[0],
        corpus(parsed.frequency_from, "--frequency-from"),
        _trim(parsed),
        _finetune(parsed),
    )


def _trim(parsed: argparse.Namespace) -> Trim | None:
    if parsed.trim_vocabulary is None:
        if parsed.min_count != 1 or parsed.keep_tokens is not None:
            raise UsageError("--min-count and --keep-tokens say what --trim-vocabulary FILE keeps; pass that too")
        return None
    if parsed.min_count < 1:
        raise UsageError(f"--min-count {parsed.min_count}: expected 1 or more; --trim-vocabulary drops what is unused")
    return Trim(corpus(parsed.trim_vocabulary, "--trim-vocabulary"), parsed.min_count, parsed.keep_tokens)


def _finetune(parsed: argparse.Namespace) -> Finetune | None:
    epochs = parsed.finetune_epochs
    if parsed.finetune_codes is None:
        if epochs is not None:
            raise UsageError("--finetune-epochs says how often --finetune-codes FILE is read; pass that too")
        return None
    if epochs is not None and epochs < 1:
        raise UsageError(f"--finetune-epochs {epochs}: expected 1 or more")
    return Finetune(corpus(parsed.finetune_codes, "--finetune-codes"), epochs or EPOCHS)
