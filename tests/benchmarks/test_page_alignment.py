"""Libraries of Android archives for memory pages of 16 KB: what is aligned passes, what is not is named."""

import struct
import zipfile

import pytest

from benchmarks.kits.page_alignment import alignments, check

LOAD, NOTE = 1, 4
ABIS = {"arm64": "arm64-v8a", "arm32": "armeabi-v7a"}


def library(*segments):
    """An ELF file of program headers alone: (type, alignment) of each."""
    sizes = (64, 56, len(segments), 0, 0, 0)
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 183, 1, 0, 64, 0, 0, *sizes)
    return head + b"".join(struct.pack("<IIQQQQQQ", kind, 5, 0, 0, 0, 0, 0, align) for kind, align in segments)


@pytest.fixture
def archive(tmp_path):
    def write(**libraries):
        with zipfile.ZipFile(tmp_path / "one.aar", "w") as file:
            for abi, content in libraries.items():
                file.writestr(f"jni/{ABIS.get(abi, abi)}/libone.so", content)
        return tmp_path

    return write


def test_what_is_aligned_to_16_kb_or_more_passes(archive):
    assert check(archive(arm64=library((LOAD, 1 << 14), (NOTE, 4)), x86_64=library((LOAD, 1 << 16)))) == (2, [])


@pytest.mark.parametrize("segments", [[(LOAD, 1 << 12)], [(LOAD, 1 << 14), (LOAD, 1 << 12)], [(NOTE, 1 << 14)]])
def test_what_is_not_is_named(archive, segments):
    count, [line] = check(archive(arm64=library(*segments), arm32=b"of 32 bits: no page of 16 KB there"))
    assert count == 1
    assert line.startswith("one.aar: jni/arm64-v8a/libone.so: aligned to ")


def test_another_file_is_an_error(archive):
    with pytest.raises(ValueError, match="ELF"):
        check(archive(arm64=b"\x7fELF\x01\x01" + bytes(80)))
    assert alignments(library((LOAD, 7))) == [7]
