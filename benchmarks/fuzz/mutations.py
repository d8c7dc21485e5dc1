"""Ten thousand hostile files for every reader, and what became of each.

Each input is an honest folder with one file of it changed by a seeded mutation (`mutate.py`), in memory (/dev/shm).
A worker reads input after input; the parent sees it die, or be silent beyond the limit, and starts another after the
input that did it. Outcomes: `refused` by one of our errors, `read`, `same` as the honest folder; and what must not be:
`crash` (any other exception, a signal, more memory than the limit), `hang`, `false pass`.
`--only N` reads one input again, with its traceback.
"""

import argparse
import sys
import time

from benchmarks.fuzz.readers import READERS, chosen
from benchmarks.fuzz.tally import add_output, record
from benchmarks.fuzz.workers import read_all, read_one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="go on from this input; the record then has only the rest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N")
    add_output(parser)


def run(parsed: argparse.Namespace) -> int:
    """Run the readers asked for, a record after each; 1 where anything happened that must not."""
    readers = chosen(parsed.readers)
    if parsed.only is not None:
        return read_one(readers[0], parsed.seed, parsed.only)
    failed = False
    for reader in readers:
        start_s = time.perf_counter()
        tally = read_all(reader, parsed.inputs, parsed.seed, parsed.first)
        print(f"{reader.name}: {tally.counts} in {time.perf_counter() - start_s:.0f} s", file=sys.stderr)
        for finding in tally.findings[:20]:
            print(f"  {finding}", file=sys.stderr)
        record(parsed.output, reader.name, tally, parsed.seed)
        failed |= bool(tally.findings)
    return int(failed)
