"""`bertport app-kit BUNDLE`: what an app needs around the model, for one platform."""

import argparse
import json
import logging
from pathlib import Path

from runtimes.errors import UsageError

_log = logging.getLogger(__name__)

HELP = "bundle → a package that takes a String, for one platform"
PLATFORMS = ("ios", "web", "android")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--platform", required=True, metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="new; its name is the kit's")
    parser.add_argument("--even-failing", action="store_true", help="also of a bundle that failed parity")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")


def run(parsed: argparse.Namespace) -> int:
    """Write the kit, print where it is and how large, and return 0."""
    if parsed.platform not in PLATFORMS:
        raise UsageError(f"--platform {parsed.platform}: not known; known: {', '.join(PLATFORMS)}")
    # Imported here: the tables of every Unicode scalar take a tenth of a second that no other command need pay.
    from exporter.appkit.android import emit as android
    from exporter.appkit.ios import emit as ios
    from exporter.appkit.kit import Platform, Request, make_kit
    from exporter.appkit.web import emit as web

    platforms = {
        "ios": Platform("coreml", ios.emit),
        "web": Platform("onnx", web.emit),
        "android": Platform("onnx", android.emit),
    }
    _log.info(f"{parsed.platform}: reading {parsed.bundle}")
    request = Request(parsed.bundle, parsed.output, parsed.even_failing)
    made = make_kit(parsed.platform, platforms[parsed.platform], request)
    if parsed.json:
        print(json.dumps(vars(made) | {"directory": str(made.directory)}, indent=2))
    else:
        print(f"{made.directory}: {made.model_bytes:,} bytes of model, {made.other_bytes:,} of everything else")
    return 0
