"""Metadata is what a reader that knows the schema alone finds, and its files are a zip that anything opens."""

import io
import zipfile

import pytest

from exporter.targets.litert.mediapipe.metadata import Described, Metadata, append_files, encoded

INPUTS = [Described(name, f"{name} of tokens") for name in ("ids", "mask", "segment_ids")]
OUTPUTS = [Described("score", "one of each label", labelled=True), Described("logits", "before softmax", labelled=True)]
METADATA = Metadata("news", "what a text is about", "someone", "apache-2.0", INPUTS, OUTPUTS)
FILES = {"vocab.txt": "[PAD]\né\n".encode(), "labels.txt": b"no\nyes\n"}


class Table:
    """A table of a flatbuffer, read by slot: at its place, the vtable is as far before it as its first number says."""

    def __init__(self, content, at):
        self.content, self.at = content, at
        self.vtable = at - self.int(at, signed=True)

    @classmethod
    def root(cls, content):
        return cls(content, int.from_bytes(content[:4], "little"))

    def int(self, at, size=4, signed=False):
        return int.from_bytes(self.content[at : at + size], "little", signed=signed)

    def field(self, slot):
        entry = 4 + 2 * slot
        offset = self.int(self.vtable + entry, 2) if entry < self.int(self.vtable, 2) else 0
        return self.at + offset if offset else None

    def byte(self, slot):
        return self.content[self.field(slot)]

    def follow(self, at):
        return at + self.int(at)

    def text(self, slot):
        if self.field(slot) is None:
            return None
        at = self.follow(self.field(slot))
        return self.content[at + 4 : at + 4 + self.int(at)].decode()

    def table(self, slot):
        return Table(self.content, self.follow(self.field(slot)))

    def tables(self, slot):
        if self.field(slot) is None:
            return []
        at = self.follow(self.field(slot))
        return [Table(self.content, self.follow(at + 4 + 4 * number)) for number in range(self.int(at))]


def file(table):
    return table.text(0), table.byte(2)


def tensor(table):
    content = table.table(3)
    assert content.byte(0) == 1  # FeatureProperties
    assert content.table(1).field(0) is None
    return table.text(0), table.text(1), [file(one) for one in table.tables(6)]


def test_a_reader_that_knows_the_schema_finds_all_of_it():
    content = encoded(METADATA)
    assert content[4:8] == b"M001"
    model = Table.root(content)
    assert [model.text(slot) for slot in (0, 1, 4, 5, 7)] == [
        "news",
        "what a text is about",
        "someone",
        "apache-2.0",
        "1.1.0",
    ]
    (graph,) = model.tables(3)
    assert [tensor(one) for one in graph.tables(2)] == [(one.name, one.description, []) for one in INPUTS]
    labels = [("labels.txt", 2)]
    assert [tensor(one) for one in graph.tables(3)] == [(one.name, one.description, labels) for one in OUTPUTS]
    (unit,) = graph.tables(5)
    assert unit.byte(0) == 4  # BertTokenizerOptions
    assert [file(one) for one in unit.table(1).tables(0)] == [("vocab.txt", 5)]


def test_what_is_not_known_is_left_out():
    without = Table.root(encoded(Metadata("news", "", "", "", INPUTS, [Described("sentence_embedding", "a vector")])))
    assert [without.text(slot) for slot in (1, 4, 5)] == [None, None, None]
    assert tensor(without.tables(3)[0].tables(3)[0]) == ("sentence_embedding", "a vector", [])


def test_the_same_metadata_is_the_same_bytes():
    assert encoded(METADATA) == encoded(METADATA)
    assert encoded(METADATA) != encoded(Metadata("other", "", "", "", INPUTS, OUTPUTS))


def appended(model, files=FILES):
    file = io.BytesIO(model)
    append_files(file, files)
    return file.getvalue()


@pytest.mark.parametrize("model", [b"model", b"PK\x05\x06 looks like the end of an archive" * 9], ids=["plain", "zip"])
def test_files_lie_behind_the_model_as_they_are(model):
    content = appended(model)
    assert content.startswith(model)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    assert FILES["vocab.txt"] in content  # a reader maps them


def test_the_same_files_are_the_same_bytes_whatever_the_day_and_system(monkeypatch):
    before = appended(b"model")
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("sys.platform", "win32")
    assert appended(b"model") == before
    assert appended(b"model", {"vocab.txt": b"other"}) != before


def test_a_file_that_changed_is_noticed():
    """The control: what the archive says of its files is held against them."""
    content = appended(b"model").replace(FILES["labels.txt"], b"no\nYES\n")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() == "labels.txt"
