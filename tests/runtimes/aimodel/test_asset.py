"""An asset's folder: three plain files that fit each other, and nothing else; every other one is refused in a line."""

import json
import os

import pytest

from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.names import HASH, METADATA, PROGRAM
from runtimes.errors import BundleError


def test_an_asset_is_read(program, saved):
    found = read_asset(saved(program, description="a test", creatorDefinedMetadata={"labels": ["a", "b"]}))
    assert found.directory.name == "Model.aimodel"
    assert (found.producer, found.minimum_system) == ("a test", "27")
    assert [one.name for one in found.functions] == ["main"]
    assert (found.metadata.description, found.metadata.author) == ("a test", "")
    assert found.metadata.user_defined == {"labels": ["a", "b"]}


def test_weights_lie_where_it_says(program, saved):
    path = saved(program)
    (word,) = read_asset(path).constants
    content = (path / PROGRAM).read_bytes()[word.offset : word.offset + word.size_bytes]
    assert (word.name, word.type.dtype, word.type.shape) == ("embeddings.word.weight", "float16", (7, 3))
    assert content == program.resources[0][1]
    assert word.offset % 16 == 0


def _gone(path):
    for one in path.iterdir():
        one.unlink()
    path.rmdir()


def _link(path):
    (path.parent / "elsewhere").write_bytes((path / PROGRAM).read_bytes())
    (path / PROGRAM).unlink()
    (path / PROGRAM).symlink_to(path.parent / "elsewhere")


def _folder(path):
    (path / HASH).unlink()
    (path / HASH).mkdir()


def _pipe(path):
    (path / METADATA).unlink()
    os.mkfifo(path / METADATA)


def _flipped(path):
    content = bytearray((path / PROGRAM).read_bytes())
    content[-100] ^= 1
    (path / PROGRAM).write_bytes(content)


DAMAGE = {
    "gone": (_gone, "expected a folder with main.hash, main.mlirb, metadata.json; give the path of an asset"),
    "no program": (lambda path: (path / PROGRAM).unlink(), "main.mlirb is missing; copy the whole folder"),
    "no hash": (lambda path: (path / HASH).unlink(), "main.hash is missing; copy the whole folder"),
    "something else": (lambda path: (path / "x.odix").touch(), "holds 'x.odix' besides; take away what is not"),
    "a hostile name": (lambda path: (path / "\x1b[2J\n").touch(), "holds '\\x1b[2J\\n' besides"),
    "a folder besides": (lambda path: (path / "sub").mkdir(), "holds 'sub' besides"),
    "a link": (_link, "main.mlirb is a link or no plain file; put the file itself there"),
    "a folder": (_folder, "main.hash is a link or no plain file"),
    "a pipe": (_pipe, "metadata.json is a link or no plain file"),
    "another hash": (lambda path: (path / HASH).write_bytes(bytes(32)), "main.hash is not the SHA-256 of main.mlirb"),
    "a long hash": (lambda path: (path / HASH).write_bytes(bytes(33)), "33 bytes, and at most 32 are read"),
    "a turned bit": (_flipped, "main.hash is not the SHA-256 of main.mlirb: one of them is damaged; export it again"),
    "nothing in it": (lambda path: (path / PROGRAM).write_bytes(b""), "0 bytes, and a program has 1 to 4,294,967,296"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_folder_that_is_not_as_it_should_be_is_refused(program, saved, damage):
    change, said = DAMAGE[damage]
    path = saved(program)
    read_asset(path)
    change(path)
    with pytest.raises(BundleError) as error:
        read_asset(path)
    assert said in str(error.value)
    assert str(error.value).isprintable()


def test_what_the_system_does_not_give_is_one_line(program, saved, monkeypatch):
    path = saved(program)

    def refused(*_args, **_kwargs):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr("runtimes.aimodel.asset.np.memmap", refused)
    with pytest.raises(BundleError, match=r"Model\.aimodel: cannot be read \(Cannot allocate memory\); give the path"):
        read_asset(path)


SAID = {
    "another version": ({"assetVersion": "3.0"}, "an asset of version '3.0', bertport reads 2.0; update bertport"),
    "a version that is none": ({"assetVersion": 2.0}, "an asset of version 2.0, bertport reads 2.0; update"),
    "another entry": (
        {"weights": "../x"},
        "'weights' is none of its entries, or of another kind; the asset is damaged",
    ),
    "a number for a text": ({"author": 3}, "'author' is none of its entries, or of another kind"),
    "a text of its own": ({"creatorDefinedMetadata": "x"}, "'creatorDefinedMetadata' is none of its entries"),
}


@pytest.mark.parametrize("said", SAID)
def test_metadata_of_another_kind_are_refused(program, saved, said):
    given, expected = SAID[said]
    with pytest.raises(BundleError) as error:
        read_asset(saved(program, **given))
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "not JSON (JSONDecodeError); the asset is damaged, export it again"),
        (b"[" * 100_000, "not JSON (RecursionError)"),
        (b"\xff", "not JSON (UnicodeDecodeError)"),
        (b"[]", "not a JSON object"),
        (b" " * 1_000_001, "1,000,001 bytes, and at most 1,000,000 are read"),
        (json.dumps({"author": ""}).encode(), "an asset of version None, bertport reads 2.0"),
    ],
)
def test_metadata_that_are_none_are_refused(program, saved, content, said):
    path = saved(program)
    (path / METADATA).write_bytes(content)
    with pytest.raises(BundleError) as error:
        read_asset(path)
    assert said in str(error.value)
