"""`bertport check [bertport.toml]`: every bundle of a project within its budgets, and where the last check left it."""

import argparse
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.options.answering import add_answering, answering
from exporter.options.help import add_json, add_output, defaults_to
from runtimes.errors import BertportError, RuntimeUnavailable, UsageError

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport check", "what ./bertport.toml names; ends with 1 beyond any budget"),
    ("bertport check ci/bertport.toml --junit check.xml -o bundles", "another file, for a CI that shows JUnit XML"),
    ("bertport check --update-baseline", "accept the figures of today"),
)
FILE = Path("bertport.toml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("check")
    group.add_argument("config", nargs="?", type=Path, default=FILE, metavar="FILE", help="Check what this file names.")
    add_output(group, "DIR", f"Write the bundles to DIR. {defaults_to('a temporary folder')}")
    group.add_argument("--junit", type=Path, metavar="FILE", help="Write the verdicts to FILE as JUnit XML.")
    moves = "Put these figures in the baseline's place."
    group.add_argument("--update-baseline", action="store_true", help=moves)
    add_answering(parser.add_argument_group("comparison with PyTorch"))
    add_json(parser)


def run(parsed: argparse.Namespace) -> int:
    """Check, tell it in every way that was asked for, and return the exit code."""
    from exporter.gate.output import annotate

    try:
        return _run(parsed)
    except BertportError as error:
        annotate("error", "bertport check", str(error), parsed.config)
        raise


def _run(parsed: argparse.Namespace) -> int:
    from exporter.gate.baseline import compare_with_baseline, move_baseline, read_baseline
    from exporter.gate.config import read_config
    from exporter.gate.output import LIBRARIES, show_result, tell
    from exporter.gate.run import check_all
    from exporter.gate.verdicts import judge
    from runtimes.measurement.host import versions
    from runtimes.parity.compare import Verdict

    config, moves = read_config(parsed.config), parsed.update_baseline
    if moves and config.baseline is None:
        raise UsageError(f'{parsed.config}: baseline: missing; --update-baseline needs it: baseline = "baseline.json"')
    baseline = read_baseline(config.baseline) if config.baseline and not moves else None
    with _place(parsed.output) as place:
        checked = check_all(config, place, answering(parsed))
        figures = {one.name: one.figures for one in checked}
        findings = [finding for one in checked for finding in judge(one)]
        findings += compare_with_baseline(baseline, figures, config.tolerance) if baseline else []
        show_result(checked, findings, parsed.json)
        tell(checked, findings, parsed.config, parsed.junit)
    verdicts = {one.verdict for one in findings}
    if moves and config.baseline:
        if Verdict.FAIL in verdicts:
            _log.info(f"{config.baseline}: left as it was, for a budget does not hold")
        else:
            move_baseline(config.baseline, figures, versions(*LIBRARIES))
            _log.info(f"{config.baseline}: written; commit it")
    return 1 if Verdict.FAIL in verdicts else RuntimeUnavailable.exit_code if Verdict.NOT_RUN in verdicts else 0


@contextmanager
def _place(output: Path | None) -> Iterator[Path]:
    """Where the bundles go: as told, else a folder that goes with them."""
    if output is not None:
        yield output
        return
    with tempfile.TemporaryDirectory(prefix="bertport.") as folder:
        yield Path(folder)
