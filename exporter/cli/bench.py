"""`bertport bench BUNDLE…`: size, start, latency and memory of bundles beside PyTorch."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.verification.check import Check
from runtimes.bundle.reading import Bundle, check_files, read_bundle
from runtimes.errors import UsageError
from runtimes.measurement.measure import Plan
from runtimes.reporting.terminal import bench_table, show

if TYPE_CHECKING:  # pydantic behind it is slow to import
    from runtimes.measurement.bench import Contestant

_log = logging.getLogger(__name__)

HELP = "size, start, latency and memory of bundles beside PyTorch"
_LENGTHS, _BATCHES = (16, 64, 128, 512), (1, 8)
_MOST_TOKENS, _MOST_ROWS, _MOST_THREADS = 1 << 16, 4096, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE")
    parser.add_argument(
        "--checkpoint", metavar="MODEL", help="where the bundles' checkpoint is now: a folder or hub id"
    )
    parser.add_argument("--allow-pickle", action="store_true", help="read pytorch_model.bin, weights only")
    parser.add_argument(
        "--lengths", metavar="N,…", help=f"tokens (default {_listed(_LENGTHS)}, as far as a model goes)"
    )
    parser.add_argument("--batches", metavar="N,…", help=f"rows (default {_listed(_BATCHES)})")
    parser.add_argument("--threads", metavar="N,…", help="default 1 and all processors")
    parser.add_argument("--runs", type=int, default=30, help="of every length and batch in a round (default 30)")
    parser.add_argument("--rounds", type=int, default=3, help="over everything, interleaved (default 3)")
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/bench.json"), metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(parsed: argparse.Namespace) -> int:
    """Measure, print, and return 0."""
    plan, threads = _plan(parsed), _numbers("--threads", parsed.threads, _MOST_THREADS) or _default_threads()
    bundles = _read(parsed.bundles)
    from exporter.verification.bench_cases import exported, original
    from runtimes.measurement.bench import run_bench
    from runtimes.records.writing import printed

    checks = [Check(bundle, parsed.checkpoint, allow_pickle=parsed.allow_pickle) for bundle in bundles]
    contestants = [*original(checks, threads), *exported(bundles, threads)]
    _check_lengths(contestants, plan, given=parsed.lengths is not None)
    record = run_bench(contestants, plan, parsed.output)
    if parsed.json:
        print(printed(record))
    else:
        show(bench_table(record))
    _log.info(f"record: {parsed.output}")
    return 0


def _read(directories: Sequence[Path]) -> list[Bundle]:
    """The bundles, each of them what its manifest says."""
    resolved = [directory.resolve() for directory in directories]
    twice = [str(one) for one, place in zip(directories, resolved, strict=True) if resolved.count(place) > 1]
    if twice:
        raise UsageError(f"{twice[0]}: named twice; name each bundle once")
    bundles = [read_bundle(directory) for directory in directories]
    for bundle in bundles:
        check_files(bundle)
    return bundles


def _plan(parsed: argparse.Namespace) -> Plan:
    if parsed.runs < 1 or parsed.rounds < 1:
        raise UsageError(f"--runs {parsed.runs} --rounds {parsed.rounds}: expected 1 or more of each")
    lengths = _numbers("--lengths", parsed.lengths, _MOST_TOKENS) or _LENGTHS
    batches = _numbers("--batches", parsed.batches, _MOST_ROWS) or _BATCHES
    return Plan(lengths, parsed.runs, parsed.rounds, batches)


def _numbers(option: str, given: str | None, most: int) -> tuple[int, ...]:
    """The numbers of `16,128`, each once and in order; none where nothing was given."""
    if given is None:
        return ()
    parts = [part.strip() for part in given.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 9 and 1 <= int(part) <= most for part in parts):
        raise UsageError(f"{option} {given!r}: expected numbers of 1 to {most} with commas between, as in {option} 1,4")
    return tuple(sorted({int(part) for part in parts}))


def _default_threads() -> tuple[int, ...]:
    """One, and as many as this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return tuple(sorted({1, usable}))


def _check_lengths(contestants: "list[Contestant]", plan: Plan, given: bool) -> None:
    """Refuse a length that a model cannot take, and a plan that leaves one with nothing to run."""
    for case in (case for one in contestants for case in one.cases):
        beyond = [n for n in plan.lengths if case.positions is not None and n > case.positions]
        if (beyond and given) or not plan.shapes(case):
            takes = f"{case.positions} tokens and {case.max_rows or 'any number of'} rows at most"
            asked = f"{_listed(plan.lengths)} tokens, {_listed(plan.batches)} rows"
            raise UsageError(f"{case.name}: takes {takes}, asked for {asked}; pass other --lengths or --batches")


def _listed(numbers: Sequence[int]) -> str:
    return ",".join(map(str, numbers))
