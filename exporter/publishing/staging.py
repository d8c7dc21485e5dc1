"""Writing the repository's folder: models where transformers.js and Optimum look for them, records, and the card."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.bundling.staging import staged
from exporter.checkpoint.json_files import read_bundled
from exporter.publishing.card import Facts, card_of
from exporter.publishing.collection import RECORDS, Collection, Published
from runtimes.bundle.manifest import CARD
from runtimes.bundle.reading import sha256
from runtimes.errors import UsageError
from runtimes.files.json_text import to_json

EVIDENCE = "bertport"
"""The folder of the bundles' records."""
DTYPES = ("fp32", "fp16", "q8", "int8")
"""Of transformers.js, from the widest on."""


@dataclass(frozen=True)
class Staged:
    """A repository's folder on disk: its files and their bytes, by their path in the repository."""

    directory: Path
    files: dict[str, int]


def stage(collection: Collection, facts: Facts, destination: Path) -> Staged:
    """Write the folder, whole or not at all; one that was staged of the same bundles stays, its card as it is.

    Raises UsageError for a folder that holds anything else.
    """
    if destination.is_dir() and any(destination.iterdir()):
        _check_same(collection, facts, destination)
    else:
        with staged(destination) as staging:
            _write(collection, facts, staging.directory)
            staging.publish()
    return Staged(destination, {name: (destination / name).stat().st_size for name in (CARD, *_contents(destination))})


def _check_same(collection: Collection, facts: Facts, destination: Path) -> None:
    """Write the folder elsewhere and compare, so that an upload that broke off goes on with what was staged."""
    with TemporaryDirectory() as place:
        _write(collection, facts, Path(place))
        if _contents(Path(place)) != _contents(destination):
            told = "expected a new or empty folder, or one that was staged of the same bundles"
            raise UsageError(f"{destination}: {told}; pass another with -o")


def _contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file but the card, which its author may have edited."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in paths)
    return {name: sha256(folder / name) for name in names if name != CARD}


def _write(collection: Collection, facts: Facts, directory: Path) -> None:
    for name, path in collection.bundles[0].shared.items():
        _copy(path, directory / name)
    for one in collection.bundles:
        for source, place in places(one):
            _copy(one.bundle.directory / source, directory / place)
    config = read_bundled(collection.bundles[0].bundle.directory / "config.json")
    (directory / "config.json").write_bytes(to_json(config | _transformers_js(collection)))
    (directory / CARD).write_text(card_of(collection, facts), encoding="utf-8", newline="\n")


def places(one: Published) -> list[tuple[str, str]]:
    """Each file of a bundle that the repository has of its own, with its path there; a package is a folder."""
    found = []
    for path in one.bundle.model_files:
        name = path.relative_to(one.bundle.directory).as_posix()
        root, slash, rest = name.partition("/")
        found += [(name, f"{place}{slash}{rest}") for place in one.places.files[root]]
    records = [name for name in RECORDS if (one.bundle.directory / name).is_file()]
    return [*found, *((name, f"{EVIDENCE}/{one.name}/{name}") for name in records)]


def _copy(source: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def _transformers_js(collection: Collection) -> dict[str, object]:
    """Which file transformers.js opens where its user says nothing: the widest that there is."""
    dtypes = [dtype for one in collection.bundles for dtype in one.places.dtypes]
    widest = min(dtypes, key=DTYPES.index, default=None)
    return {} if widest is None else {"transformers.js_config": {"dtype": widest}}
