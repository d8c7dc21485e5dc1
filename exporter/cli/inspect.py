"""`bertport inspect BUNDLE`: what is inside a bundle, or a model file by itself."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from exporter.options.help import add_json
from runtimes.reporting.terminal import inspection_tables, show

EXAMPLES = (
    ("bertport inspect artifacts/demo/onnx-int8", "operators, largest weights and what accelerators may refuse"),
    ("bertport inspect model.tflite --json", "the same of a file that others made, for a program"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("model")
    group.add_argument("bundle", type=Path, metavar="BUNDLE", help="Look into this bundle, model file or package.")
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Inspect, print, and return 0."""
    from exporter.verification.inspection import inspect

    found = inspect(parsed.bundle)
    if parsed.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        show(*inspection_tables(found))
    return 0
