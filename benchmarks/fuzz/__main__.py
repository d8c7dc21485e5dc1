"""Ten thousand hostile files for every reader, and what became of each.

    make fuzz           (or: python -m benchmarks.fuzz [READER …] [--inputs 10000] [--seed 0])     → artifacts/fuzz.json

Each input is an honest folder with one file of it changed by a seeded mutation (`mutate.py`), in memory
(/dev/shm). A worker reads input after input; the parent sees it die, or be silent beyond the limit, and starts another
after the input that did it. Outcomes: `refused` by one of our errors, `read`, `same` as the honest folder; and what
must not be: `crash` (any other exception, a signal, more memory than the limit), `hang`, `false pass`.
`--only N` reads one input again, with its traceback.
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import ARTIFACTS
from benchmarks.fuzz.flips import flip_all
from benchmarks.fuzz.readers import READERS
from benchmarks.fuzz.run import Tally, read_one, run
from benchmarks.fuzz.seeds import write_bundles, write_checkpoint
from runtimes.files.json_text import to_json
from runtimes.measurement.measure import fingerprint

ARTIFACT = ARTIFACTS / "fuzz.json"


_BY_NAME = {reader.name: reader for reader in READERS}


def main() -> int:
    """Run the readers asked for, a record after each; 1 where anything happened that must not."""
    parsed = _arguments()
    chosen = [_BY_NAME[name] for name in parsed.readers or _BY_NAME]
    if parsed.only is not None:
        return read_one(chosen[0], parsed.seed, parsed.only)
    tallies = []
    for reader in chosen:
        start_s = time.perf_counter()
        tally = run(reader, parsed.inputs, parsed.seed, parsed.first)
        tallies.append(tally)
        print(f"{reader.name}: {tally.counts} in {time.perf_counter() - start_s:.0f} s", file=sys.stderr)
        for finding in tally.findings[:20]:
            print(f"  {finding}", file=sys.stderr)
        if parsed.output:
            _record(parsed.output, reader.name, tally, parsed.seed)
    if parsed.flips:
        tallies.append(_flips(parsed.output))
    return int(any(tally.findings for tally in tallies))


def _flips(path: Path) -> Tally:
    """One bit of every byte of an ONNX and a Core ML bundle."""
    tally = Tally(0)
    with TemporaryDirectory() as place:
        checkpoint = write_checkpoint(Path(place) / "checkpoint")
        for folder in write_bundles(Path(place), checkpoint):
            flips, passed = flip_all(folder, seed=0)
            tally.inputs += flips
            tally.counts["refused"] = tally.counts.get("refused", 0) + flips - len(passed)
            tally.findings += [f"false pass: {folder.name}/{one}" for one in passed]
    print(f"one bit of every byte: {tally.counts} of {tally.inputs}", file=sys.stderr)
    _record(path, "one bit of every byte of a bundle", tally, 0)
    return tally


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(_BY_NAME))
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="go on from this input; the record then has only the rest")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--flips", action="store_true", help="also one bit of every byte of four bundles")
    parser.add_argument("--only", type=int, metavar="N")
    parser.add_argument("-o", "--output", type=Path, default=ARTIFACT)
    return parser.parse_args()


def _record(path: Path, reader: str, tally: Tally, seed: int) -> None:
    """Put a reader's counts into the record, in the place of its older ones."""
    found: dict[str, Any] = json.loads(path.read_bytes()) if path.is_file() else {"readers": {}}
    found["host"] = fingerprint()
    found["readers"][reader] = {"seed": seed, **asdict(tally)}
    path.write_bytes(to_json(found))


if __name__ == "__main__":
    sys.exit(main())
