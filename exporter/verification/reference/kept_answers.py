"""PyTorch's answers kept by content: what it once gave for the same model, files, cases, versions and processor.

A key is made of everything that an answer depends on, and an entry that is not of that very key is none
(`runtimes.files.content_cache`). So a second scheme, `verify`, `check` and CI start no torch.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.ops import Array
from exporter.verification.reference.answers_key import environment, group_of, sha256_of
from runtimes.backends.pytorch.description import ReferenceModel, to_arrays
from runtimes.files import content_cache
from runtimes.runner import Batch, Outputs

_TOKENIZERS_FILES = (".json", ".txt", ".model", ".jinja")
_TYPES = {"<f4", "<f8", "<i8", "|u1"}
_MAX_FILE_BYTES = 64_000_000

Arrays = dict[str, Array]


class KeptAnswers:
    """Answers of one checkpoint's model, which is `told`; `used` are the days on which those that were read came.

    Without `wanted`, and where a version or a file of the checkpoint cannot be told, every answer is made anew.
    """

    def __init__(self, checkpoint: Checkpoint, told: Callable[[], ReferenceModel], wanted: bool) -> None:
        self._checkpoint, self._told, self._wanted = checkpoint, told, wanted
        self.used: set[str] = set()

    @property
    def group(self) -> str | None:
        """What the entries of this checkpoint's weights are called first; None where nothing is kept."""
        return group_of(_weights(self._checkpoint)) if self._wanted else None

    @property
    def are_likely(self) -> bool:
        """Whether there are some of this checkpoint's weights: then PyTorch is not started before it is asked."""
        group = self.group
        return group is not None and content_cache.has_any(group)

    def answers(
        self, batches: Sequence[Batch], how: object, outputs: Sequence[str], ask: Callable[[], list[Outputs]]
    ) -> list[Outputs]:
        """What `ask` gives for `batches`: the outputs of each. `how` is all else that it depends on."""
        parts = [part for batch in batches for part in (batch.ids, batch.mask, batch.types)]
        key = self._key("outputs", [how, list(outputs)], parts)
        found = self._read(key)
        if found is not None and (rows := _rows(found, batches, outputs)) is not None:
            return rows
        made = ask()
        self._write(key, {f"{at}.{name}": values for at, row in enumerate(made) for name, values in row.items()})
        return made

    def tokens(
        self, question: Mapping[str, Array], ask: Callable[[Mapping[str, Array]], Mapping[str, Array]]
    ) -> Mapping[str, Array]:
        """What `ask` gives for a question about the tokenizer, wherever the checkpoint's folder lies."""
        folder = json.dumps(str(self._checkpoint.source.directory)).encode()
        parts = [np.frombuffer(part.tobytes().replace(folder, b'""'), np.uint8) for part in question.values()]
        key = self._key("tokens", list(question), parts)
        found = self._read(key)
        if found is not None:
            return found
        made = ask(question)
        self._write(key, dict(made))
        return made

    def _key(self, kind: str, how: object, parts: Iterable[Array]) -> str | None:
        if self._context is None:
            return None
        digest = hashlib.sha256(json.dumps([self._context, kind, how], sort_keys=True).encode())
        for part in parts:
            _add(digest, part)
        return digest.hexdigest()

    @cached_property
    def _context(self) -> dict[str, Any] | None:
        """All that every answer of this model depends on; None where some of it is not known."""
        common = environment()
        if not self._wanted or common is None or content_cache.home() is None:
            return None
        told, description = replace(self._told(), checkpoint=Path()), hashlib.sha256()
        for name, values in sorted(to_arrays(told).items()):
            description.update(name.encode())
            _add(description, values)
        files = dict(self._checkpoint.sha256) | {f"/{name}": one for name, one in self._beside().items()}
        return {**common, "checkpoint": files, "model": description.hexdigest()}

    def _beside(self) -> dict[str, str]:
        """Hashes of what lies beside the checkpoint's own files and transformers may read for a tokenizer."""
        found = sorted(self._checkpoint.source.directory.iterdir())
        small = [path for path in found if path.suffix in _TOKENIZERS_FILES and path.is_file()]
        return {path.name: sha256_of(path) for path in small if path.stat().st_size <= _MAX_FILE_BYTES}

    def _read(self, key: str | None) -> Arrays | None:
        content = content_cache.read(self.group, key) if key and self.group else None
        found = _unpacked(content) if content is not None else None
        if found is None:
            return None
        made, arrays = found
        self.used.add(made)
        return arrays

    def _write(self, key: str | None, arrays: Arrays) -> None:
        if key and self.group and sum(one.nbytes for one in arrays.values()) < content_cache.MAX_ENTRY_BYTES:
            content_cache.write(self.group, key, _packed(arrays))


def _weights(checkpoint: Checkpoint) -> dict[str, str]:
    return {name: one for name, one in checkpoint.sha256.items() if name.endswith((".safetensors", ".bin"))}


def _add(digest: Any, values: Array) -> None:
    digest.update(f"{values.dtype.str}{values.shape}".encode())
    digest.update(np.ascontiguousarray(values).tobytes())


def _packed(arrays: Mapping[str, Array]) -> bytes:
    """A line of JSON that says when, and what the bytes after it are."""
    made = datetime.now(UTC).date().isoformat()
    listed = [[name, values.dtype.str, list(values.shape)] for name, values in arrays.items()]
    head = json.dumps({"made": made, "arrays": listed}).encode()
    return b"\n".join([head, b"".join(np.ascontiguousarray(values).tobytes() for values in arrays.values())])


def _unpacked(content: bytes) -> tuple[str, Arrays] | None:
    """The day, and the arrays; None for bytes that are not what `_packed` writes."""
    head, _, body = content.partition(b"\n")
    try:
        told = json.loads(head)
        arrays, at = Arrays(), 0
        for name, kind, shape in told["arrays"]:
            if kind not in _TYPES or not all(isinstance(size, int) and size >= 0 for size in shape):
                return None
            count = prod(shape)
            values = np.frombuffer(body, np.dtype(kind), count, at) if count else np.empty(0, np.dtype(kind))
            arrays[str(name)], at = values.reshape(shape).copy(), at + values.nbytes
        day = datetime.fromisoformat(told["made"]).date().isoformat()
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return (day, arrays) if at == len(body) else None


def _rows(arrays: Arrays, batches: Sequence[Batch], outputs: Sequence[str]) -> list[Outputs] | None:
    """The outputs of each batch; None where some are missing, too many, or of another number of rows."""
    rows = [{name: arrays.get(f"{at}.{name}") for name in outputs} for at in range(len(batches))]
    whole: list[Outputs] = []
    for row, batch in zip(rows, batches, strict=True):
        known = {name: values for name, values in row.items() if values is not None}
        if len(known) < len(outputs) or any(values.shape[:1] != batch.ids.shape[:1] for values in known.values()):
            return None
        whole.append(known)
    return whole if len(arrays) == len(batches) * len(outputs) else None
