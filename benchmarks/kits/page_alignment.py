"""Whether the native libraries of Android archives can be loaded where memory pages have 16 KB.

    python -m benchmarks.kits.page_alignment FOLDER     # of .aar files; .ci/android-libraries fetches those of the kits

Android 15 has such devices, and Google Play asks it of apps for 64-bit processors
(https://developer.android.com/guide/practices/page-sizes): every PT_LOAD segment of a library is aligned to 2^14 or
more.
An ELF file is read as its specification has it (System V ABI, chapters 4 and 5).
"""

import struct
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

PAGE = 1 << 14
ABIS = ("arm64-v8a", "x86_64")
"""The 64-bit ones: those that 16 KB pages are for."""
_LOAD = 1


def alignments(library: bytes) -> list[int]:
    """`p_align` of each PT_LOAD segment of a little-endian 64-bit ELF file. Raises ValueError for another file."""
    if library[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no little-endian 64-bit ELF file")
    (start,) = struct.unpack_from("<Q", library, 32)
    size, count = struct.unpack_from("<HH", library, 54)
    headers = (struct.unpack_from("<IIQQQQQQ", library, start + number * size) for number in range(count))
    return [header[7] for header in headers if header[0] == _LOAD]


def libraries(archive: Path) -> Iterator[tuple[str, list[int]]]:
    """Each 64-bit library of an .aar, by its path, with its alignments."""
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if name.endswith(".so") and Path(name).parent.name in ABIS:
                yield name, alignments(opened.read(name))


def check(folder: Path) -> tuple[int, list[str]]:
    """How many libraries the archives of a folder hold, and a line for each that 16 KB pages cannot load."""
    found = [(archive.name, *one) for archive in sorted(folder.glob("*.aar")) for one in libraries(archive)]
    wrong = [
        f"{archive}: {name}: aligned to {min(sizes, default=0)}"
        for archive, name, sizes in found
        if min(sizes, default=0) < PAGE
    ]
    return len(found), wrong


def main() -> int:
    """Print what was found; 1 where a library cannot be loaded, or where there was none."""
    count, wrong = check(Path(sys.argv[1]))
    print("\n".join([*wrong, f"{count} libraries, {len(wrong)} not aligned to {PAGE}"]))
    return int(bool(wrong) or not count)


if __name__ == "__main__":
    sys.exit(main())
