"""Every byte of every file of a bundle with one bit of it turned: `verify` must not take it."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtimes.bundle import manifest as bundle
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BertportError


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
    whole = bundle.sha256
    known = {path: whole(path) for path in folder.rglob("*") if path.is_file() and path != changing}
    bundle.sha256 = lambda path: known.get(path) or whole(path)
    try:
        yield
    finally:
        bundle.sha256 = whole
