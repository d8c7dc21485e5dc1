"""A map of characters is walked before `tokenizers` follows it: an honest one is left alone, and no other panics."""

import base64
import random
import struct

import pytest
from tokenizers import normalizers

from benchmarks.models.unigram_files import CHARACTERS, characters_map, encoded_map
from exporter.checkpoint.tokenizer.charsmap import longest_replacement

UNIT = 4


def encoded(content):
    return base64.b64encode(content).decode()


def test_the_map_says_what_it_was_made_of():
    made = normalizers.Precompiled(characters_map(CHARACTERS))
    for character, text in CHARACTERS.items():
        assert made.normalize_str(f"a{character}b") == f"a{text}b"
    assert made.normalize_str("plain é 北京") == "plain é 北京"


def test_an_honest_map_is_as_long_as_its_longest_text():
    assert longest_replacement(encoded_map(CHARACTERS)) == len(CHARACTERS["\ufdfa"].encode())
    assert longest_replacement(encoded_map({"a": "b" * 700})) == 700


HONEST = characters_map({"Ａ": "A", "é": "e"})
START = 4 + int.from_bytes(HONEST[:4], "little")


def with_unit(at, value):
    return HONEST[: 4 + UNIT * at] + struct.pack("<I", value) + HONEST[4 + UNIT * (at + 1) :]


UNITS = struct.unpack(f"<{(START - 4) // UNIT}I", HONEST[4:START])
USED = [at for at, unit in enumerate(UNITS) if unit]
LEAF = next(at for at, unit in enumerate(UNITS) if unit >> 31)
INSIDE = with_unit(LEAF, 1 << 31 | 1)[:START] + "éé".encode()


HOSTILE = {
    "no base64": "*",
    "nothing": "",
    "three bytes": encoded(b"abc"),
    "no trie": encoded(struct.pack("<I", 0) + b"text"),
    "a trie beyond the file": encoded(struct.pack("<I", 1 << 31) + HONEST[4:]),
    "half a unit": encoded(struct.pack("<I", 6) + HONEST[4:]),
    "texts that are none": encoded(HONEST[:START] + b"\xff\xfe"),
    "a root that leads out": encoded(with_unit(0, (1 << 20) << 10)),
    "a last block that is cut": encoded(struct.pack("<I", START - 8) + HONEST[4 : START - 4] + HONEST[START:]),
    "a leaf beyond the texts": encoded(with_unit(LEAF, 1 << 31 | 1 << 20)),
    "a leaf inside a character": encoded(INSIDE),
    "more than it needs": "A" * 2_000_001,
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_a_map_that_leads_out_of_itself_is_refused(content):
    with pytest.raises(ValueError, match=r"."):
        longest_replacement(content)


def test_whatever_passes_panics_at_no_text():
    """A bit of a unit changed, hundreds of times: each map is refused, or every text is normalised."""
    choice, texts, passed = random.Random(0), ["Ａé", "ＡＡ b\u0301", "éa", "\uffff中"], 0
    for _ in range(300):
        at = choice.choice(USED)
        content = with_unit(at, UNITS[at] ^ 1 << choice.randrange(32))
        try:
            longest_replacement(encoded(content))
        except ValueError:
            continue
        passed += 1
        made = normalizers.Precompiled(content)
        for text in texts:
            made.normalize_str(text)
    assert 0 < passed < 300


def test_a_path_that_returns_to_itself_ends():
    """A trie whose node is its own child: a text goes round as long as it is, and the walk once."""
    base = 256
    units = [0] * 512
    units[0] = base << 10
    units[base + 97] = ((base + 97) ^ base) << 10 | 97
    content = struct.pack("<I", 4 * len(units)) + struct.pack("<512I", *units) + b"\0"
    assert longest_replacement(encoded(content)) == 0
    assert normalizers.Precompiled(content).normalize_str("aaaa") == "aaaa"
