"""The options of targets and schemes."""

import argparse
from pathlib import Path

from exporter.checkpoint.vocabulary_trimming import Trim
from exporter.compression.calibration import EPOCHS, Finetune
from exporter.compression.product_quantization import DIMENSIONS
from exporter.options.help import Options, defaults_to
from exporter.options.targets import add_target_options, check_given, target_options, targets
from exporter.options.text_files import corpus
from exporter.targets.target import Settings
from runtimes.errors import UsageError


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Declare what each target may be told."""
    add_target_options(parser)
    _add_weights(parser.add_argument_group("weights"))
    _add_vocabulary(parser.add_argument_group("vocabulary"))


def _add_weights(group: Options) -> None:
    group.add_argument(
        "--keep",
        action="append",
        metavar="PATTERN",
        help="Keep the weights whose names match in float16, or in int8 with PATTERN=int8; may repeat.",
    )
    dims = f"Put so many numbers into a byte (pq, pq4). {defaults_to(DIMENSIONS[0])}"
    group.add_argument("--pq-dims", type=int, choices=DIMENSIONS, help=dims)
    group.add_argument(
        "--frequency-from",
        type=Path,
        metavar="FILE",
        help="Weigh codes by how often these texts, or labelled rows, use each token (pq, pq4).",
    )
    group.add_argument(
        "--finetune-codes",
        type=Path,
        metavar="FILE",
        help="Let codes learn from the float model on these texts, or labelled rows (pq, pq4).",
    )
    epochs = f"Read the texts of --finetune-codes N times. {defaults_to(EPOCHS)}"
    group.add_argument("--finetune-epochs", type=int, metavar="N", help=epochs)


def _add_vocabulary(group: Options) -> None:
    group.add_argument(
        "--trim-vocabulary",
        type=Path,
        metavar="FILE",
        help="Keep only the tokens that these texts, or labelled rows, use.",
    )
    group.add_argument(
        "--min-count", type=int, default=1, metavar="K", help="Keep a token that occurs at least K times in them."
    )
    group.add_argument(
        "--keep-tokens", "--keep-pieces", type=int, metavar="N", help="Keep the commonest of them, N tokens in all."
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
