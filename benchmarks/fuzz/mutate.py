"""One honest file → a hostile one: the same for the same seed.

Blind changes of bytes find what no parser expects; changes of the parsed form get past the parser, to the code behind.
"""

import gzip
import json
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

from benchmarks.fuzz.strange import STRANGE_NUMBERS, STRANGE_TEXTS, STRANGE_VALUES

DEPTH = 100_000


def mutate(content: bytes, seed: int) -> bytes:
    """Change `content` in one to three ways that `seed` chooses."""
    choice = random.Random(seed)
    for _ in range(choice.choice((1, 1, 1, 2, 3))):
        content = choice.choice((_blind, _parsed))(content, choice)
    return content


def _blind(content: bytes, choice: random.Random) -> bytes:
    return choice.choice(BLIND)(content, choice)


def _parsed(content: bytes, choice: random.Random) -> bytes:
    """By what the content is; blind where it is nothing that is known."""
    if content[:2] == b"\x1f\x8b":
        return _gzipped(content, choice)
    if content[:1] in (b"{", b"["):
        return _json(content, choice)
    if len(content) > 9 and content[8:9] == b"{":
        return _safetensors(content, choice)
    for known in PARSERS:
        if (changed := known(content, choice)) is not None:
            return changed
    return _lines(content, choice)


def _flip(content: bytes, choice: random.Random) -> bytes:
    if not content:
        return b"\x00"
    at = choice.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << choice.randrange(8)]) + content[at + 1 :]


def _cut(content: bytes, choice: random.Random) -> bytes:
    return content[: choice.randrange(len(content) + 1)]


def _remove(content: bytes, choice: random.Random) -> bytes:
    at = choice.randrange(len(content) + 1)
    return content[:at] + content[at + choice.randrange(1, 64) :]


def _insert(content: bytes, choice: random.Random) -> bytes:
    at = choice.randrange(len(content) + 1)
    return content[:at] + choice.randbytes(choice.randrange(1, 32)) + content[at:]


def _repeat(content: bytes, choice: random.Random) -> bytes:
    at, end = sorted((choice.randrange(len(content) + 1), choice.randrange(len(content) + 1)))
    return content[:end] + content[at:end][:4096] * choice.randrange(1, 5) + content[end:]


def _integer(content: bytes, choice: random.Random) -> bytes:
    """A size, an offset or a count of some width, somewhere."""
    at, wide = choice.randrange(len(content) + 1), choice.choice((1, 2, 4, 8))
    value = choice.choice((0, 1, 2**63 - 1, 2**64 - 1, 2**31, 2**32 - 1, len(content), choice.getrandbits(16)))
    return content[:at] + (value % 2 ** (8 * wide)).to_bytes(wide, "little") + content[at + wide :]


def _lines(content: bytes, choice: random.Random) -> bytes:
    """A line of text away, doubled, moved, or with a strange text in it."""
    lines = content.split(b"\n")
    at = choice.randrange(len(lines))
    strange = choice.choice((*STRANGE_TEXTS, *map(str, STRANGE_NUMBERS))).encode(errors="surrogatepass")
    match choice.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines.insert(choice.randrange(len(lines)), lines[at])
        case 2:
            lines[at] = strange
        case 3:
            words = lines[at].split(b" ")
            words[choice.randrange(len(words))] = strange
            lines[at] = b" ".join(words)
        case _:
            lines[at] = b"[" * DEPTH
    return b"\n".join(lines)


BLIND: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    _flip,
    _flip,
    _cut,
    _remove,
    _insert,
    _repeat,
    _integer,
)


def _json(content: bytes, choice: random.Random) -> bytes:
    """A value in a JSON document replaced, removed, moved, or nested beyond all depth."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _blind(content, choice)
    if choice.randrange(40) == 0:
        return b'{"a":' * DEPTH + content
    changed = changed_value(document, choice)
    return json.dumps(changed, ensure_ascii=choice.random() < 0.8).encode(errors="surrogatepass")


def changed_value(document: Any, choice: random.Random) -> Any:
    """The document with one value of it changed in place."""
    holder = {"root": document}
    places = list(_places(holder))
    inside, key = choice.choice(places)
    match choice.randrange(5):
        case 0 if isinstance(inside, dict) and inside is not holder:
            inside[choice.choice(STRANGE_TEXTS)] = inside.pop(key)
        case 1 if inside is not holder:
            del inside[key]
        case 2:
            other, at = choice.choice(places)
            inside[key] = json.loads(json.dumps(other[at]))
        case _:
            inside[key] = choice.choice(STRANGE_VALUES)
    return holder["root"]


def _places(holder: Any) -> Any:
    """Every (container, key) of a document."""
    waiting = [holder]
    while waiting:
        inside = waiting.pop()
        for key, value in inside.items() if isinstance(inside, dict) else enumerate(inside):
            yield inside, key
            if isinstance(value, dict | list):
                waiting.append(value)


def _safetensors(content: bytes, choice: random.Random) -> bytes:
    """A change of the header, with or without the length that fits it."""
    (size,) = struct.unpack("<Q", content[:8])
    header = content[8 : 8 + size]
    changed = _json(header, choice)
    stated = len(changed) if choice.random() < 0.8 else choice.choice((0, 2**63, 2**40, len(content)))
    return struct.pack("<Q", stated) + changed + content[8 + size :]


def _gzipped(content: bytes, choice: random.Random) -> bytes:
    try:
        return gzip.compress(mutate(gzip.decompress(content), choice.getrandbits(32)), mtime=0)
    except (OSError, EOFError, zlib.error):
        return _blind(content, choice)


def _protobuf(content: bytes, choice: random.Random) -> bytes | None:
    from benchmarks.fuzz.messages import changed_message  # here: texts need no protobuf

    return changed_message(content, choice)


def _flatbuffer(content: bytes, choice: random.Random) -> bytes | None:
    from benchmarks.fuzz.flatbuffers import changed_flatbuffer

    return changed_flatbuffer(content, choice)


def _bytecode(content: bytes, choice: random.Random) -> bytes | None:
    from benchmarks.fuzz.bytecode import changed_bytecode

    return changed_bytecode(content, choice, _blind)


PARSERS: tuple[Callable[[bytes, random.Random], bytes | None], ...] = (_bytecode, _flatbuffer, _protobuf)
