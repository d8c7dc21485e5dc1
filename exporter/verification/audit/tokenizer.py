"""Audit of the tokenizer's files, against those that an export of the checkpoint writes."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from exporter.checkpoint.json_files import MAX_TOKENIZER_BYTES, parse_json
from exporter.checkpoint.tokenizer.kinds import ADDED
from exporter.checkpoint.tokenizer.reading import FILES, read_whole
from exporter.checkpoint.tokenizer.settings import Difference, differing, parts_of
from exporter.targets.audit.findings import Audit, Finding
from exporter.targets.audit.subject import Audited
from runtimes.errors import BertportError, CheckpointError
from runtimes.files.bounded_read import read_bounded

TOKENIZER = "tokenizer.json"
_SHOWN = 60


def audit_tokenizer(audited: Audited) -> Audit:
    """Compare every file of the tokenizer, setting by setting.

    With the same settings, entries and added tokens the same library gives the same ids; that they are AutoTokenizer's
    too is what a parity run compares (exporter.verification.tokenizer_parity).
    """
    directory, expected = audited.bundle.directory, audited.checkpoint.tokenizer.files
    strange = [name for name in (*FILES, ADDED) if name not in expected and (directory / name).exists()]
    findings = [Finding(name, "file", "expected none, for the checkpoint's export has none") for name in strange]
    return sum((_file(directory, name, content) for name, content in expected.items()), Audit(tuple(findings)))


def _file(directory: Path, name: str, content: bytes) -> Audit:
    path = directory / name
    try:
        found = read_bounded(path, MAX_TOKENIZER_BYTES, CheckpointError)
        lines = [] if found == content else list(_differences(path, found, content))
    except (BertportError, OSError) as error:
        lines = [Difference("file", f"expected the checkpoint's, found none that can be read ({error})")]
    return Audit(tuple(Finding(name, *line) for line in lines), facts=_facts(name, content))


def _differences(path: Path, found: bytes, expected: bytes) -> Iterator[Difference]:
    if path.name == TOKENIZER:
        whole, wanted = (parts_of(read_whole(path, content)) for content in (found, expected))
        yield from differing(wanted, whole)
    elif path.suffix == ".json":
        yield from differing(parse_json(path, expected), parse_json(path, found))
    elif found.split(b"\n") != expected.split(b"\n"):
        yield _first_line(found.split(b"\n"), expected.split(b"\n"))


def _first_line(found: list[bytes], expected: list[bytes]) -> Difference:
    pairs = zip(found, expected, strict=False)
    at = next((number for number, (a, b) in enumerate(pairs) if a != b), min(len(found), len(expected)))
    left, right = (_shown(lines[at]) if at < len(lines) else "no such line" for lines in (expected, found))
    return Difference(f"line {at + 1}", f"expected {left}, found {right}")


def _shown(line: bytes) -> str:
    return repr(line.decode("utf-8", "replace")[:_SHOWN])


def _facts(name: str, content: bytes) -> int:
    """Settings and entries of a file: what is compared."""
    if not name.endswith(".json"):
        return content.count(b"\n")
    return _leaves(json.loads(content))


def _leaves(value: Any) -> int:
    if isinstance(value, Mapping):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1
