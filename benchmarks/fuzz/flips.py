"""Every byte of every file of a bundle with one bit of it turned: `verify` must not take it."""

import argparse
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fuzz.seeds import write_bundles, write_checkpoint
from benchmarks.fuzz.tally import Tally, add_output, record
from runtimes.bundle import reading
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BertportError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_output(parser)


def run(parsed: argparse.Namespace) -> int:
    """One bit of every byte of two bundles of each target; 1 where one was taken."""
    tally = Tally(0)
    with TemporaryDirectory() as place:
        checkpoint = write_checkpoint(Path(place) / "checkpoint")
        for folder in write_bundles(Path(place), checkpoint):
            flips, passed = flip_all(folder, seed=0)
            tally.inputs += flips
            tally.counts["refused"] = tally.counts.get("refused", 0) + flips - len(passed)
            tally.findings += [f"false pass: {folder.name}/{one}" for one in passed]
    print(f"one bit of every byte: {tally.counts} of {tally.inputs}", file=sys.stderr)
    record(parsed.output, "one bit of every byte of a bundle", tally, 0)
    return int(bool(tally.findings))


def flip_all(folder: Path, seed: int, step: int = 1) -> tuple[int, list[str]]:
    """Turn a seeded bit of every `step`-th byte in turn; their number, and those that were not refused."""
    choice, flips, passed = random.Random(seed), 0, list[str]()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        honest = path.read_bytes()
        with _others_hashed_once(folder, path):
            for at in range(choice.randrange(step), len(honest), step):
                bit = choice.randrange(8)
                path.write_bytes(honest[:at] + bytes([honest[at] ^ 1 << bit]) + honest[at + 1 :])
                flips += 1
                if not _refused(folder):
                    passed.append(f"{path.relative_to(folder)}: byte {at}, bit {bit}")
        path.write_bytes(honest)
    return flips, passed


def _refused(folder: Path) -> bool:
    try:
        check_files(read_bundle(folder))
    except BertportError:
        return True
    return False


@contextmanager
def _others_hashed_once(folder: Path, changing: Path) -> Iterator[None]:
    """Hash what does not change once: a hundred thousand flips would hash gigabytes that stay the same."""
    whole = reading.sha256
    known = {path: whole(path) for path in folder.rglob("*") if path.is_file() and path != changing}
    reading.sha256 = lambda path: known.get(path) or whole(path)
    try:
        yield
    finally:
        reading.sha256 = whole
