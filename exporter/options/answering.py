"""The options of how PyTorch answers: its threads, and whether answers that are kept will do."""

import argparse

from exporter.options.help import Options, defaults_to
from exporter.verification.check import Answering
from runtimes.process.threads import threads_from

_THREADS = "Compare with N threads of PyTorch and ONNX Runtime. " + defaults_to("what the model's size says")


def add_answering(options: Options) -> None:
    """Declare --threads and --no-cache."""
    options.add_argument("--threads", type=threads_from, metavar="N", help=_THREADS)
    options.add_argument("--no-cache", action="store_true", help="Ask PyTorch again, whatever answers are kept.")


def answering(parsed: argparse.Namespace) -> Answering:
    """What `add_answering` was told."""
    return Answering(parsed.threads, not parsed.no_cache)
