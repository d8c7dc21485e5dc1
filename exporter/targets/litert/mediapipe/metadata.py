"""TFLite Model Metadata, by which MediaPipe's tasks know inputs, tokenizer and labels of a .tflite file.

A flatbuffer in the model's own metadata, and the files that it names as a zip behind the model. Tables and slots:
MediaPipe's tasks/metadata/metadata_schema.fbs, 1.5.0. MediaPipe reads files where they lie: they are stored, not
compressed.
"""

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from exporter.targets.litert.flatbuffer import OFFSET, Flatbuffer, Slots

KEY = "TFLITE_METADATA"
"""The model's metadata entry that holds it."""
VOCABULARY, LABELS = "vocab.txt", "labels.txt"
_IDENTIFIER, _LEAST_PARSER = b"M001", "1.1.0"  # which brought the tokenizer's options
_LABELS_KIND, _VOCABULARY_KIND = 2, 5
"""Of AssociatedFileType: TENSOR_AXIS_LABELS and VOCABULARY."""
_FEATURE, _BERT_TOKENIZER = 1, 4
"""Members of the unions ContentProperties and ProcessUnitOptions."""
_DATE = (1980, 1, 1, 0, 0, 0)
_UNIX = 3


@dataclass(frozen=True)
class Described:
    """An input or output by the name that MediaPipe knows it by; `labelled` where labels.txt names its numbers."""

    name: str
    description: str
    labelled: bool = False


@dataclass(frozen=True)
class Metadata:
    """What a file says of itself: inputs and outputs are in the subgraph's order."""

    name: str
    description: str
    author: str
    licence: str
    inputs: Sequence[Described]
    outputs: Sequence[Described]


def encoded(metadata: Metadata) -> bytes:
    """The flatbuffer of a model whose texts BERT's tokenizer reads, over the entries of vocab.txt."""
    tables = _Metadata()
    inputs, outputs = (
        tables.offsets([tables.tensor(one) for one in side]) for side in (metadata.inputs, metadata.outputs)
    )
    units = tables.offsets([tables.tokenizer()])
    graph = tables.table(10, [(2, OFFSET, inputs), (3, OFFSET, outputs), (5, OFFSET, units)])
    texts = {0: metadata.name, 1: metadata.description, 4: metadata.author, 5: metadata.licence, 7: _LEAST_PARSER}
    slots = [*tables.texts(texts), (3, OFFSET, tables.offsets([graph]))]
    return bytes(tables.finished(tables.table(8, slots), _IDENTIFIER))


class _Metadata(Flatbuffer):
    """The tables of the schema that are written."""

    def tensor(self, one: Described) -> int:
        """TensorMetadata."""
        feature = (1, OFFSET, self.table(0, []))
        slots = [*self.texts({0: one.name, 1: one.description})]
        slots.append((3, OFFSET, self.table(3, [(0, "Uint8", _FEATURE), feature])))
        if one.labelled:
            slots.append((6, OFFSET, self.offsets([self.file(LABELS, _LABELS_KIND)])))
        return self.table(7, slots)

    def tokenizer(self) -> int:
        """ProcessUnit with BertTokenizerOptions."""
        files = self.offsets([self.file(VOCABULARY, _VOCABULARY_KIND)])
        return self.table(2, [(0, "Uint8", _BERT_TOKENIZER), (1, OFFSET, self.table(1, [(0, OFFSET, files)]))])

    def file(self, name: str, kind: int) -> int:
        """AssociatedFile."""
        return self.table(5, [*self.texts({0: name}), (2, "Int8", kind)])

    def texts(self, by_slot: Mapping[int, str]) -> Slots:
        """Strings by their slots, without those that say nothing."""
        return [(slot, OFFSET, self.text(value)) for slot, value in by_slot.items() if value]


def append_files(file: IO[bytes], files: Mapping[str, bytes]) -> None:
    """Write a zip of `files` at the end of an open file; the same files give the same bytes, wherever it is made."""
    file.seek(0, 2)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system = _UNIX
            archive.writestr(entry, content)
