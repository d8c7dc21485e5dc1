"""`bertport app-kit BUNDLE`: what an app needs around the model, for one platform."""

import argparse
import json
import logging
from pathlib import Path

from exporter.appkit.making import Request, make_kit
from exporter.appkit.registry import PLATFORMS, find_platform
from exporter.options.help import add_json, add_output, defaults_to

_log = logging.getLogger(__name__)

EXAMPLES = (
    (
        "bertport app-kit artifacts/demo/coreml-none --platform ios -o DemoKit",
        "a Swift package around Core ML",
    ),
    ("bertport app-kit artifacts/demo/onnx-int8 --platform web -o demo-kit", "an npm package around ONNX"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("kit")
    group.add_argument("bundle", type=Path, metavar="BUNDLE", help="Make the kit of this bundle.")
    platforms = f"Make it for this platform: {', '.join(PLATFORMS)}."
    group.add_argument("--platform", required=True, metavar="PLATFORM", help=platforms)
    add_output(group, "DIR", "Write the kit to DIR, which is new and gives it its name.", required=True)
    told = f"Give the code of an Android kit this package, com.example.news for one. {defaults_to('dev.bertport.NAME')}"
    group.add_argument("--package", metavar="NAME", help=told)
    group.add_argument("--even-failing", action="store_true", help="Take a bundle that failed parity too.")
    add_json(parser, "Print JSON instead of text.")


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
