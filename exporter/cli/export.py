"""`bertport export MODEL`: checkpoint → bundles, each compared with PyTorch."""

import argparse

from exporter.cli.parities import exit_code, tell
from exporter.options.export import add_arguments as add_arguments
from exporter.options.export import request
from exporter.pipeline import Exported, export
from runtimes.records.export import ExportedBundle
from runtimes.records.parity import parity_record
from runtimes.records.writing import plain, printed
from runtimes.reporting.terminal import exported_table, show

HELP = "checkpoint → bundles, each compared with PyTorch"


def run(parsed: argparse.Namespace) -> int:
    """Export, print what became of each combination, and return the exit code."""
    done = export(request(parsed))
    if parsed.json:
        print(printed([_record(item) for item in done]))
    else:
        show(exported_table(done))
    tell([(item.recipe.name, item.parity) for item in done])
    return exit_code([item.parity for item in done])


def _record(item: Exported) -> ExportedBundle:
    return ExportedBundle(
        recipe=plain(item.recipe),
        directory=None if item.directory is None else str(item.directory),
        size_bytes=item.size_bytes,
        parity=parity_record(item.parity),
    )
