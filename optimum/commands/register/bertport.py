"""Registers `optimum-cli export bertport …`, which does what `bertport export …` does.

optimum-cli imports every file of this namespace folder when it starts, so that nothing else is imported here; neither
`optimum` nor a folder in it may get an `__init__.py`, which would hide optimum's own.
"""

import argparse
import sys

from optimum.commands.base import BaseOptimumCLICommand, CommandInfo
from optimum.commands.export.base import ExportCommand


class BertportExportCommand(BaseOptimumCLICommand):  # type: ignore[misc]  # optimum has no types
    """Hands all that follows its name to `bertport export`, `--help` too."""

    COMMAND = CommandInfo(name="bertport", help="Export a small BERT to ONNX or Core ML and compare it with PyTorch.")

    @staticmethod
    def parse_args(parser: argparse.ArgumentParser) -> None:
        """Take every argument as it is."""
        parser.prefix_chars = "\0"  # no word begins so: none is an option of optimum's
        parser.add_argument("arguments", nargs=argparse.REMAINDER)

    def run(self) -> None:
        """End with the exit code of `bertport export`."""
        from exporter.cli.main import main

        sys.exit(main(["export", *self.args.arguments]))


REGISTER_COMMANDS = [(BertportExportCommand, ExportCommand)]
