"""The options of how PyTorch answers: its threads, and whether answers that are kept will do."""

import argparse

from exporter.verification.check import Answering
from runtimes.process.threads import threads_from

_THREADS = "of PyTorch and ONNX Runtime while they are compared (default: what the model's size says)"


def add_answering(parser: argparse.ArgumentParser) -> None:
    """Declare --threads and --no-cache."""
    parser.add_argument("--threads", type=threads_from, metavar="N", help=_THREADS)
    parser.add_argument("--no-cache", action="store_true", help="ask PyTorch again, whatever answers are kept")


def answering(parsed: argparse.Namespace) -> Answering:
    """What `add_answering` was told."""
    return Answering(parsed.threads, not parsed.no_cache)
