"""Thousands of exports and verifications in one process: does memory grow, is a file left open, or one left behind.

    python -m benchmarks.cost.soak                              2,000 turns → artifacts/soak.json
    python -m benchmarks.cost.soak --turns 100 -o /tmp/s.json   fewer

A turn exports a very small seeded model over the last bundle, ONNX and Core ML in turn, and verifies it against
PyTorch. Exit code 1 if anything grows. Linux only: memory and open files are read from /proc.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

import exporter
from benchmarks.models.seeded import write_bert
from exporter.verification.check import Check
from exporter.verification.verify import verify
from runtimes.bundle.reading import read_bundle
from runtimes.files.atomic_write import write_whole
from runtimes.files.json_text import to_json

KINDS = [("onnx", "int8"), ("coreml", "int8"), ("onnx", "none"), ("coreml", "fp16")]
WARM_UP, MOST_GROWTH = 0.2, 0.05
_SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 32, "max_position_embeddings": 24}
TEXTS = tuple(
    f"{a} {b} {c}" for a in ("the cat", "a dog") for b in ("runs", "sleeps") for c in ("fast", "in the market")
)


@dataclass(frozen=True)
class Sample:
    """The process after so many turns."""

    turns: int
    resident_bytes: int
    open_files: int
    left_files: int


def main() -> int:
    """Run, keep the record, and return 1 if anything grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=2000)
    parser.add_argument("-o", "--output", type=Path, default=Path("artifacts/soak.json"))
    parsed = parser.parse_args()
    samples = soak(parsed.turns)
    problems = judge(samples)
    record = {"kind": "soak", "turns": parsed.turns, "kinds": ["-".join(kind) for kind in KINDS], "problems": problems}
    growth = {"resident_growth": resident_growth(samples), "samples": [asdict(sample) for sample in samples]}
    write_whole(parsed.output, to_json(record | growth))
    for problem in problems or ["nothing grew"]:
        print(f"soak: {problem}", file=sys.stderr)
    return int(bool(problems))


def soak(turns: int, samples: int = 50) -> list[Sample]:
    """Take so many turns; return how the process stood after each fiftieth of them."""
    torch.set_num_threads(1)
    every, found = max(1, turns // samples), []
    with tempfile.TemporaryDirectory() as folder:
        checkpoint, work, scratch = (Path(folder) / name for name in ("checkpoint", "work", "scratch"))
        write_bert(checkpoint, **_SMALL)
        scratch.mkdir()
        before, tempfile.tempdir = tempfile.tempdir, str(scratch)
        try:
            for turn in range(turns):
                take(checkpoint, work / "bundle", *KINDS[turn % len(KINDS)])
                if (turn + 1) % every == 0:
                    found.append(sample(turn + 1, scratch, work))
        finally:
            tempfile.tempdir = before
    return found


def take(checkpoint: Path, place: Path, target: str, scheme: str) -> None:
    """Export over what is there, and compare the bundle with PyTorch."""
    settings = exporter.Settings(options={"sequence_lengths": (16,)})
    exporter.export(checkpoint, target=target, quantize=scheme, output=place, verify=False, settings=settings)
    parity = verify(Check(read_bundle(place), str(checkpoint), TEXTS)).parity
    if not parity.rows:
        raise AssertionError(f"{target} {scheme}: nothing was compared: {parity.note}")


def sample(turns: int, scratch: Path, work: Path) -> Sample:
    """Look at this process, at its temporary folder, and beside its bundle."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    left = [*scratch.iterdir(), *(path for path in work.iterdir() if path.name != "bundle")]
    open_files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the listing's own is counted each time alike
    return Sample(turns, pages * os.sysconf("SC_PAGE_SIZE"), open_files, len(left))


def resident_growth(samples: Sequence[Sample]) -> float:
    """Memory in the last fifth of the turns beside the first fifth after the warm-up: medians, as a share."""
    settled = samples[int(len(samples) * WARM_UP) :]
    fifth = max(1, len(settled) // 5)
    first, last = (
        statistics.median(one.resident_bytes for one in part) for part in (settled[:fifth], settled[-fifth:])
    )
    return last / first - 1


def judge(samples: Sequence[Sample]) -> list[str]:
    """What grew, a line each."""
    settled = samples[int(len(samples) * WARM_UP) :]
    problems = []
    if resident_growth(samples) > MOST_GROWTH:
        problems.append(f"memory grew by {resident_growth(samples):.1%}, more than {MOST_GROWTH:.0%}")
    if settled[-1].open_files > settled[0].open_files:
        problems.append(f"open files grew from {settled[0].open_files} to {settled[-1].open_files}")
    if samples[-1].left_files:
        problems.append(f"{samples[-1].left_files} temporary files were left")
    return problems


if __name__ == "__main__":
    sys.exit(main())
