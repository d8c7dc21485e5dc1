"""`bertport app-kit BUNDLE`: what an app needs around the model, for one platform."""

import argparse
import json
import logging
from pathlib import Path

from exporter.appkit.making import Request, make_kit
from exporter.appkit.registry import PLATFORMS, find_platform

_log = logging.getLogger(__name__)

HELP = "bundle → a package that takes a String, for one platform"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--platform", required=True, metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="new; its name is the kit's")
    parser.add_argument("--package", metavar="NAME", help="of the code, for Android: com.example.news")
    parser.add_argument("--even-failing", action="store_true", help="also of a bundle that failed parity")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(parsed: argparse.Namespace) -> int:
    """Write the kit, print where it is and how large, and return 0."""
    platform = find_platform(parsed.platform)
    _log.info(f"{platform.name}: reading {parsed.bundle}")
    made = make_kit(platform, Request(parsed.bundle, parsed.output, parsed.even_failing, parsed.package))
    if parsed.json:
        print(json.dumps(vars(made) | {"directory": str(made.directory)}, indent=2))
    else:
        print(f"{made.directory}: {made.model_bytes:,} bytes of model, {made.other_bytes:,} of everything else")
    return 0
