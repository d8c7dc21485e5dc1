"""`Precompiled` normalizers: SentencePiece's map of characters, a trie and the texts that its leaves stand for.

`tokenizers` follows the trie without a check, and panics at the text that leads out of it. Every path is walked here
before that. The trie is a double array of darts-clone (github.com/s-yata/darts-clone), in 32-bit units: of a node the
byte that leads to it (bits 0 to 7, and bit 31 that is 0), whether it has a leaf (8), and by what its place and that of
its children differ (10 to 30, times 256 with bit 9); of a leaf its value (0 to 30), which is where its text begins.
"""

import base64

import numpy as np

from exporter.model.ops import Array

_MOST_BYTES = 2_000_000
"""SentencePiece's own maps have a quarter of a megabyte."""
_BLOCK = 256
_AT_ONCE = 4096
_BYTES = np.arange(1, _BLOCK, dtype=np.uint32)
_LABEL, _VALUE = np.uint32(0x800000FF), np.uint32(0x7FFFFFFF)


def longest_replacement(encoded: str) -> int:
    """Bytes of the longest text that takes the place of one character, of a map in base64.

    Raises ValueError for a map that leads out of itself.
    """
    units, texts = _parts(encoded)
    inside = np.frombuffer(texts + b"\0", np.uint8) & 0xC0 != 0x80  # where a character begins, and at the end
    values = _walk(units)
    if not all(value < len(inside) and inside[value] for value in values.tolist()):
        raise ValueError("a text of its map begins outside of it, or inside a character")
    return max(map(len, texts.split(b"\0")))


def _parts(encoded: str) -> tuple[Array, bytes]:
    """The units of the trie, and the texts, each with a 0 after it."""
    if len(encoded) > _MOST_BYTES:
        raise ValueError(f"its map has {len(encoded):,} bytes, and SentencePiece's have fewer than {_MOST_BYTES:,}")
    content = base64.b64decode(encoded, validate=True)
    size = int.from_bytes(content[:4], "little")
    if size % 4 or not 4 <= size <= len(content) - 4:
        raise ValueError(f"its trie of {size:,} bytes is none of {len(content):,}")
    texts = content[4 + size :]
    texts.decode()
    return np.frombuffer(content, "<u4", size // 4, 4), texts


def _walk(units: Array) -> Array:
    """The values of all leaves."""
    seen = np.zeros(len(units), bool)
    places, values = _apart(units[:1]), [np.zeros(0, np.uint32)]
    while len(places):
        some, places = places[:_AT_ONCE], places[_AT_ONCE:]
        _check_inside(some, units)
        seen[some] = True
        children, leaves = _children(units, some)
        _check_inside(children, units)
        values.append(np.unique(units[leaves] & _VALUE))
        fresh = np.unique(children[~seen[children]])
        seen[fresh] = True
        places = np.concatenate([places, fresh])
    return np.unique(np.concatenate(values))


def _children(units: Array, places: Array) -> tuple[Array, Array]:
    """From where the children of nodes are counted, from where theirs are, and which of those are leaves."""
    at = (places[:, None] ^ _BYTES).reshape(-1)
    found = units[at]
    taken = (found & _LABEL) == np.tile(_BYTES, len(places))
    at, found = at[taken], found[taken]
    children = at ^ _apart(found)
    return children, children[(found >> np.uint32(8)) & np.uint32(1) == 1]


def _check_inside(places: Array, units: Array) -> None:
    """A text may go on with any byte, so that the whole block of a node's children is read."""
    if len(places) and int(places.max()) | (_BLOCK - 1) >= len(units):
        raise ValueError("a path of its map leads out of it")


def _apart(units: Array) -> Array:
    return (units >> np.uint32(10)) << ((units & np.uint32(512)) >> np.uint32(6))
