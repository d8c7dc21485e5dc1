"""`bertport bench BUNDLE…`: size, start, latency and memory of bundles beside PyTorch."""

import argparse
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.options.checkpoint import add_checkpoint
from exporter.options.help import Options, add_json, add_output, defaults_to
from exporter.verification.check import Check
from runtimes.bundle.reading import Bundle, check_files, read_bundle
from runtimes.errors import UsageError
from runtimes.measurement.measure import Plan
from runtimes.reporting.terminal import bench_table, show

if TYPE_CHECKING:  # pydantic behind it is slow to import
    from runtimes.measurement.bench import Contestant

_log = logging.getLogger(__name__)

EXAMPLES = (
    ("bertport bench artifacts/demo/onnx-none artifacts/demo/onnx-int8", "two bundles beside PyTorch"),
    ("bertport bench artifacts/demo/onnx-int8 --lengths 32,128 --threads 1 --runs 10", "a short run, on one thread"),
)
_LENGTHS, _BATCHES = (16, 64, 128, 512), (1, 8)
_MOST_TOKENS, _MOST_ROWS, _MOST_THREADS = 1 << 16, 4096, 1024


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    group = parser.add_argument_group("bundles")
    told = "Measure this bundle; may be several, of one checkpoint or more."
    group.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE", help=told)
    add_checkpoint(group)
    add_output(group, "FILE", "Write the record to FILE.", Path("artifacts/bench.json"))
    _add_plan(parser.add_argument_group("measurement"))
    add_json(parser)


def _add_plan(group: Options) -> None:
    lengths = f"Measure texts of N tokens. {defaults_to(f'{_listed(_LENGTHS)}, as far as a model goes')}"
    group.add_argument("--lengths", metavar="N,…", help=lengths)
    batches = f"Measure batches of N rows. {defaults_to(_listed(_BATCHES))}"
    group.add_argument("--batches", metavar="N,…", help=batches)
    threads = f"Measure on N threads. {defaults_to('1 and all processors')}"
    group.add_argument("--threads", metavar="N,…", help=threads)
    group.add_argument("--runs", type=int, default=30, metavar="N", help="Run each length and batch N times a round.")
    rounds = "Go over everything N times, interleaved."
    group.add_argument("--rounds", type=int, default=3, metavar="N", help=rounds)


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
