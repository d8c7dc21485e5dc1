"""What is expensive and only read is made once a session, by one of its workers, for all of them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock


class MadeOnce:
    """Folders below `place`, by name; a name says all that its content depends on.

    Who asks first makes the folder while others wait, and what fails halfway is made anew by the next. Its files are
    hashed when it is whole: `changed` says which folders a test wrote into.
    """

    def __init__(self, place: Path) -> None:
        self._place, self._taken = place, set[str]()

    def __call__(self, name: str, make: Callable[[Path], object]) -> Path:
        """The folder of a name, which `make` is given to write, empty."""
        folder, record = self._place / name, self._record(name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not record.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                record.write_text(json.dumps(hashes(folder)), encoding="utf-8")
        self._taken.add(name)
        return folder

    def changed(self) -> list[str]:
        """Names of the folders that this worker took and that are no longer what was made."""
        told = {name: json.loads(self._record(name).read_text(encoding="utf-8")) for name in sorted(self._taken)}
        return [name for name, made in told.items() if hashes(self._place / name) != made]

    def _record(self, name: str) -> Path:
        return self._place / f"{name}.json"


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder and the SHA-256 of its bytes; what Python compiled of it is not its content."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}
