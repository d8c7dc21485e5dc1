"""`bertport report DIR…`: the records below some folders as one page, Markdown and JUnit XML."""

import argparse
import json
import logging
import time
from pathlib import Path

from runtimes.files.atomic_write import write_whole

_log = logging.getLogger(__name__)

HELP = "the records below some folders as one page, Markdown and JUnit XML"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("directories", nargs="+", type=Path, metavar="DIR", help="with bundles or records below")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/report"), metavar="DIR")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(parsed: argparse.Namespace) -> int:
    """Write the three files, print where they are, and return 0; a verdict in them is no failure of the report."""
    from runtimes.reporting.build import build
    from runtimes.reporting.collect import collect
    from runtimes.reporting.junit import junit_xml
    from runtimes.reporting.render import html, markdown

    start = time.perf_counter()
    findings = collect(parsed.directories)
    document, verdicts = build(findings)
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
