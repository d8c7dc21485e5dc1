"""`bertport report DIR…`: the records below some folders as one page, Markdown and JUnit XML."""

import argparse
import json
import logging
import time
from pathlib import Path

from exporter.options.help import add_json, add_output
from runtimes.files.atomic_write import write_whole

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport report artifacts", "all that was exported and measured here"),
    ("bertport report artifacts --before last-week -o compared", "what has moved since an earlier run"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("report")
    told = "Read the bundles and records below this folder; may be several."
    group.add_argument("directories", nargs="+", type=Path, metavar="DIR", help=told)
    told = "Compare with the bundles and records below this folder, of an earlier run."
    group.add_argument("--before", type=Path, metavar="DIR", help=told)
    add_output(group, "DIR", "Write report.html, report.md and junit.xml to DIR.", Path("artifacts/report"))
    add_json(parser, "Print the names of the files as JSON.")


def run(parsed: argparse.Namespace) -> int:
    """Write the three files, print where they are, and return 0; a verdict in them is no failure of the report."""
    from runtimes.reporting.build import build
    from runtimes.reporting.collect import collect
    from runtimes.reporting.junit import junit_xml
    from runtimes.reporting.render import html, markdown

    start = time.perf_counter()
    findings = collect(parsed.directories)
    document, verdicts = build(findings, collect([parsed.before]) if parsed.before else None)
    files = {
        parsed.output / "report.html": html(document).encode(errors="replace"),
        parsed.output / "report.md": markdown(document).encode(errors="replace"),
        parsed.output / "junit.xml": junit_xml(verdicts),
    }
    for path, content in files.items():
        write_whole(path, content)
    _log.info(f"{findings.count} records in {time.perf_counter() - start:.1f} s")
    print(json.dumps([str(path) for path in files]) if parsed.json else "\n".join(map(str, files)))
    return 0
