"""`bertport inspect BUNDLE`: what is inside a bundle, or a model file by itself."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from runtimes.reporting.terminal import inspection_table, show

HELP = "what is inside a bundle, an .mlpackage or a .tflite file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(parsed: argparse.Namespace) -> int:
    """Inspect, print, and return 0."""
    from exporter.verification.inspection import inspect

    found = inspect(parsed.bundle)
    if parsed.json:
        print(json.dumps(asdict(found), indent=2))
    else:
        show(inspection_table(found))
    return 0
