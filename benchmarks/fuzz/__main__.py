"""Fuzz the readers of files that others wrote: one command for each way of doing it.

    python -m benchmarks.fuzz mutations [READER …] [--inputs 10000] [--seed 0]     → artifacts/fuzz.json
    python -m benchmarks.fuzz flips                                                → artifacts/fuzz.json
    python -m benchmarks.fuzz guided [READER …] [--seconds 60] [--corpus .fuzz]    needs the extra `fuzz`
    python -m benchmarks.fuzz configs [--count 20000] [--seed 0] [--lanes 1]       → artifacts/odd_configs.json

`make fuzz` runs the first three. Linux: workers are forked, and read in memory (/dev/shm). Each command exits with 1
where anything happened that must not.
"""

import argparse
import sys

from benchmarks.fuzz import flips, guided, mutations
from benchmarks.fuzz.odd_configs import run as configs

WAYS = {"mutations": mutations, "flips": flips, "guided": guided, "configs": configs}


def main() -> int:
    """Run the way asked for."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    ways = parser.add_subparsers(dest="way", required=True)
    for name, way in WAYS.items():
        documented = way.__doc__ or ""
        one = ways.add_parser(
            name,
            help=documented.splitlines()[0],
            description=documented,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        way.add_arguments(one)
    parsed = parser.parse_args()
    return WAYS[parsed.way].run(parsed)


if __name__ == "__main__":
    sys.exit(main())
