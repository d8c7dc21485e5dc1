"""SentencePiece's model files: their entries, read as protobuf without its library.

The file is a message `ModelProto` (sentencepiece_model.proto): field 1, for each entry, is a message of its text (1),
its score (2) and its type (3). All else is passed over.
"""

from collections.abc import Iterator

_ENTRY = 1
_TEXT, _TYPE = 1, 3
_UNKNOWN = 2
"""The type of the entry for what is none."""
_VARINT, _EIGHT, _BYTES, _FOUR = 0, 1, 2, 5
"""Wire types: a number, eight bytes, a length and so many bytes, four bytes."""
_LONGEST_VARINT = 10


def read_pieces(content: bytes) -> list[str]:
    """The entries in their order. Raises ValueError for what is no such model, or has no entry for the unknown."""
    entries = [dict(_fields(value)) for number, value in _fields(content) if number == _ENTRY]
    if not any(entry.get(_TYPE) == _UNKNOWN for entry in entries):
        raise ValueError(f"none of its {len(entries):,} entries stands for what is unknown")
    return [_text(entry.get(_TEXT)) for entry in entries]


def _text(value: bytes | int | None) -> str:
    if not isinstance(value, bytes):
        raise ValueError("an entry without a text")
    return value.decode()


def _fields(content: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a message."""
    if not isinstance(content, bytes):
        raise ValueError("a number where an entry was expected")
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        size = {_EIGHT: 8, _FOUR: 4}.get(key & 7)
        if key & 7 == _BYTES:
            size, at = _varint(content, at)
        if key & 7 == _VARINT:
            value, at = _varint(content, at)
            yield key >> 3, value
        elif size is None or at + size > len(content):
            raise ValueError(f"byte {at:,} is of no field that it can hold")
        else:
            yield key >> 3, content[at : at + size]
            at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    """The number that begins at a byte, seven bits of each, and where it ends."""
    value = 0
    for shift, byte in enumerate(content[at : at + _LONGEST_VARINT]):
        value |= (byte & 127) << 7 * shift
        if byte < 128:
            return value, at + shift + 1
    raise ValueError(f"byte {at:,} begins a number without end")
