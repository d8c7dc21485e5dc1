"""The message format between a process and its child: a letter, a length, and that many bytes."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np

from runtimes.runner import Array

READY, ARRAYS, MANY, ERROR, TOKENS = b"R", b"A", b"M", b"E", b"T"
"""The child has opened its model; a batch or its outputs; several batches; one line that says what went wrong; texts to
tokenize, see `runtimes.backends.pytorch.tokenizer.answer`."""

_HEADER = struct.Struct(">cQ")


def write_frame(pipe: IO[bytes], kind: bytes, content: bytes) -> None:
    """Send one message."""
    pipe.write(_HEADER.pack(kind, len(content)) + content)
    pipe.flush()


def read_frame(pipe: IO[bytes]) -> tuple[bytes, bytes]:
    """Receive one message: its kind and content. Raises EOFError where the other end closed before it was whole."""
    kind, size = _HEADER.unpack(_exactly(pipe, _HEADER.size))
    return kind, _exactly(pipe, size)


def pack(arrays: Mapping[str, Array]) -> bytes:
    """Named arrays as the bytes of an .npz."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:  # savez can be told to pickle nothing from numpy 2.1 on
        for name, values in arrays.items():
            with file.open(f"{name}.npy", "w") as one:
                np.lib.format.write_array(one, np.asanyarray(values), allow_pickle=False)
    return content.getvalue()


def unpack(content: bytes) -> dict[str, Array]:
    """The arrays that `pack` was given."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def numbered(several: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Several sets of named arrays as one, for a frame."""
    return {f"{number}.{name}": values for number, one in enumerate(several) for name, values in one.items()}


def parted(arrays: Mapping[str, Array]) -> list[dict[str, Array]]:
    """The sets that `numbered` was given; none of them may be empty."""
    found: dict[int, dict[str, Array]] = {}
    for key, values in arrays.items():
        number, _, name = key.partition(".")
        found.setdefault(int(number), {})[name] = values
    return [found[number] for number in sorted(found)]


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content
