"""Twenty thousand odd config.json files over every family, and what became of each.

Each is a tiny model's config.json with one key, or several, set to what no program would write: see `draw.py`.
It is validated, and where it is accepted, transformers loads what the reference is told and what a bundle would carry,
and both answer, once for each that is told otherwise; one of two hundred is exported and compared with PyTorch. All
that in long-lived processes, which the parent ends when one is silent for 30 s, and starts again after the config that
did it. Outcomes:
`refused` by one line of ours, `refused late` by one line of what transformers said of an accepted config, `loaded`,
`exported`; and what must not be: `traceback`, `wrong` (parity, or a bundle that does not load), `slow` (beyond 30 s),
`large` (beyond 2 GB), `died`.
"""

import argparse
import json
import multiprocessing
import queue
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import ARTIFACTS
from runtimes.files.atomic_write import write_whole
from runtimes.files.json_text import to_json

ARTIFACT = ARTIFACTS / "odd_configs.json"
LIMIT_S, LIMIT_BYTES = 30.0, 2 << 30
WHOLE = 200
"""One of so many is exported and compared."""
GOOD = ("refused", "refused late", "loaded", "exported")
_START_S = 900.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lanes", type=int, default=1, help="workers beside each other")
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACT, metavar="FILE")


def run(parsed: argparse.Namespace) -> int:
    """Judge all, write the record; 1 where anything happened that must not."""
    start_s, counts, families = time.perf_counter(), Counter[str](), dict[str, Counter[str]]()
    findings, slowest_s, largest_bytes, refusals, late = list[dict[str, Any]](), 0.0, 0, Counter[str](), Counter[str]()
    for one in by_lanes(parsed.count, parsed.seed, parsed.lanes):
        counts[one["outcome"]] += 1
        families.setdefault(one["family"], Counter())[one["outcome"]] += 1
        slowest_s, largest_bytes = max(slowest_s, one["took_s"]), max(largest_bytes, one["peak_bytes"])
        if one["outcome"] == "refused late":
            late[one["told"].partition(": ")[2][:200]] += 1
        elif one["outcome"] == "refused":
            refusals[_kind(one["told"])] += 1
        elif one["outcome"] not in GOOD:
            findings.append(one)
            print(json.dumps(one), file=sys.stderr, flush=True)
        if sum(counts.values()) % 1000 == 0:
            print(f"{sum(counts.values()):,}: {dict(counts)}", file=sys.stderr, flush=True)
    record = {
        "kind": "odd_configs",
        "configs": sum(counts.values()),
        "seed": parsed.seed,
        "outcomes": dict(sorted(counts.items())),
        "families": {name: dict(sorted(found.items())) for name, found in sorted(families.items())},
        "refusals": dict(refusals.most_common()),
        "refused_late": dict(late.most_common()),
        "findings": findings,
        "limits": {"seconds": LIMIT_S, "bytes": LIMIT_BYTES},
        "slowest_s": round(slowest_s, 3),
        "largest_peak_bytes": largest_bytes,
        "took_s": round(time.perf_counter() - start_s, 1),
        "versions": _versions(),
    }
    write_whole(parsed.output, to_json(record))
    print(f"{record['outcomes']}, slowest {slowest_s:.1f} s, at most {largest_bytes / 1e6:.0f} MB: {parsed.output}")
    return int(bool(findings))


def by_lanes(count: int, seed: int, lanes: int) -> Iterator[dict[str, Any]]:
    """Every config's outcome, as they come, from so many workers beside each other."""
    found = queue.SimpleQueue[dict[str, Any]]()

    def run(lane: int) -> None:
        for one in judged(range(lane, count, lanes), count, seed):
            found.put(one)

    for lane in range(lanes):
        threading.Thread(target=run, args=(lane,), daemon=True).start()
    for _ in range(count):
        yield found.get(timeout=_START_S + LIMIT_S)


def judged(wanted: Sequence[int], count: int, seed: int) -> Iterator[dict[str, Any]]:
    """The outcomes of those `wanted` of `count`, in order, from workers that are started again where one ends."""
    context = multiprocessing.get_context("spawn")
    while wanted:
        ours, theirs = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(count, seed, wanted, theirs), daemon=True)
        worker.start()
        theirs.close()
        for one in _follow(ours):
            wanted = wanted[1:]
            yield one
        worker.kill()
        worker.join()


def _follow(ours: Connection) -> Iterator[dict[str, Any]]:
    """What a worker tells, and what became of the config that it told no end of."""
    current, limit_s = dict[str, Any](), _START_S
    while ours.poll(limit_s):
        try:
            told = ours.recv()
        except EOFError:
            if current:
                yield current | {"outcome": "died", "took_s": 0.0, "peak_bytes": 0}
            return
        if "outcome" in told:
            yield current | told
            current = {}
        else:
            current, limit_s = told, LIMIT_S
    if not current:
        raise SystemExit("the worker did not start")
    yield current | {"outcome": "slow", "took_s": limit_s, "peak_bytes": 0}


def _work(count: int, seed: int, wanted: Sequence[int], answers: Connection) -> None:
    """Draw all, judge those `wanted`: tell what is begun, then what became of it."""
    import torch

    from benchmarks.fuzz.odd_configs.draw import draw
    from benchmarks.fuzz.odd_configs.judge import judge, write_models

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bertport-odd-", dir="/dev/shm") as folder:
        place = Path(folder)
        honest = write_models(place)
        for number, odd in enumerate(draw(honest, count, seed)):
            if number not in wanted:
                continue
            answers.send({"number": number, "family": odd.family, "head": odd.head, "change": odd.change[:400]})
            _forget_peak()
            start_s = time.perf_counter()
            try:
                found = judge(odd, place, whole=number % WHOLE == 0)
                outcome, told = found.outcome, found.told
            except BaseException:
                outcome, told = "traceback", traceback.format_exc()[-1_500:]
            took_s, peak = time.perf_counter() - start_s, _peak_bytes()
            outcome = "large" if peak > LIMIT_BYTES else "slow" if took_s > LIMIT_S else outcome
            answers.send({"outcome": outcome, "told": told, "took_s": took_s, "peak_bytes": peak})
    answers.close()


def _forget_peak() -> None:
    """proc(5): the peak starts again from what is resident now."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def _kind(told: str) -> str:
    """What a refusal speaks of, without what differs from config to config."""
    return told.partition("config.json: ")[2].partition(" ")[0] or told[-60:]


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("torch", "transformers", "pydantic")}
