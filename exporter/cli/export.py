"""`bertport export MODEL`: checkpoint → bundles, each compared with PyTorch."""

import argparse
from typing import TYPE_CHECKING

from exporter.options.export import add_arguments as add_arguments
from exporter.options.export import request

if TYPE_CHECKING:
    from exporter.pipeline import Exported
    from runtimes.records.export import ExportedBundle

EXAMPLES = (
    ("bertport export", "the checkpoint in this folder, or the embedded demo, to ONNX"),
    ("bertport export demo --quantize int8 --quantize fp16", "two schemes, each compared with PyTorch"),
    ("bertport export ./model --target coreml --sequence-length 64 --sequence-length 128", "for iPhones, two lengths"),
    (
        "bertport export owner/name --texts reviews.tsv --min-agreement 0.99",
        "a hub model, held to your own text",
    ),
)


def run(parsed: argparse.Namespace) -> int:
    """Export, print what became of each combination, and return the exit code."""
    from exporter.cli.parities import exit_code, tell
    from exporter.pipeline import export
    from runtimes.records.writing import printed
    from runtimes.reporting.terminal import exported_table, show

    done = export(request(parsed))
    if parsed.json:
        print(printed([_record(item) for item in done]))
    else:
        show(exported_table(done))
    tell([(item.recipe.name, item.parity) for item in done])
    return exit_code([item.parity for item in done])


def _record(item: "Exported") -> "ExportedBundle":
    from runtimes.records.export import ExportedBundle
    from runtimes.records.parity import parity_record
    from runtimes.records.writing import plain

    return ExportedBundle(
        recipe=plain(item.recipe),
        directory=None if item.directory is None else str(item.directory),
        size_bytes=item.size_bytes,
        parity=parity_record(item.parity),
    )
