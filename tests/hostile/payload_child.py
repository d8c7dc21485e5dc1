"""A process that reads what it is told to read, and tells what happened beside the reading.

    python payload_child.py CASES.json [HONEST]     [{"name", "read", "folder", …}, …]; the answers on stdout

Python's audit events say of every file opened, module imported, code run and process or connection started. An honest
checkpoint is exported first: what its export imports is here by then, and no event of it counts. So is torch: where it
is, PyTorch answers in this process, in which it is listened to.
"""

import json
import os
import pickle
import site
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtimes.errors import BertportError

ROOT = Path(__file__).parents[2]
LIBRARIES = [ROOT, Path(sys.prefix), Path(sys.base_prefix), Path("/proc"), Path("/sys"), Path("/dev"), Path("/usr")]
LIBRARIES += map(Path, site.getsitepackages())
TEXTS = ("the cat runs", "a dog")
STARTS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "subprocess.Popen",
    "socket.connect",
    "socket.getaddrinfo",
)


class Watch:
    """Audit events that nothing here has a reason for; `allowed` are the folders of the case that is read."""

    def __init__(self) -> None:
        self.armed, self.allowed, self.seen = False, list[Path](), list[str]()

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        self.armed = False  # what looks into an event makes events itself
        try:
            self._judge(event, arguments)
        finally:
            self.armed = True

    def _judge(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in STARTS:
            self.seen.append(f"{event} {arguments[0]!r}"[:200])
        elif event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self._opened(Path(os.fsdecode(arguments[0])))
        elif event == "exec" and self._foreign(Path(arguments[0].co_filename)):
            self.seen.append(f"ran {arguments[0].co_filename}")
        elif event == "import" and str(arguments[0]).startswith("payload"):
            self.seen.append(f"imported {arguments[0]}")
        elif event == "pickle.find_class" and arguments[0] in ("builtins", "os", "posix", "subprocess"):
            self.seen.append(f"unpickled {arguments[0]}.{arguments[1]}")

    def _opened(self, path: Path) -> None:
        real = path.resolve()
        if not any(real.is_relative_to(folder) for folder in (*LIBRARIES, *self.allowed)):
            self.seen.append(f"opened {path}")

    def _foreign(self, path: Path) -> bool:
        return path.is_absolute() and not any(path.is_relative_to(folder) for folder in LIBRARIES)


def read_checkpoint(case: dict[str, Any]) -> None:
    from exporter.checkpoint.source import HubOptions
    from exporter.options.request import Request
    from exporter.pipeline import export

    hub = HubOptions(allow_pickle=case.get("allow_pickle", False))
    out = Path(case["folder"]).parent / "out"
    export(Request(case["folder"], destination=out, hub=hub, keep_failing=True, texts=TEXTS))


def read_bundle(case: dict[str, Any]) -> None:
    from exporter.verification.check import Check
    from exporter.verification.inspection import inspect
    from exporter.verification.verify import verify
    from runtimes.bundle.reading import read_bundle

    refusals = []
    for read in (lambda path: verify(Check(read_bundle(path), case["checkpoint"], TEXTS)), inspect):
        try:
            read(Path(case["folder"]))
        except BertportError as error:
            refusals.append(error)
    if refusals:
        raise refusals[-1]


def read_package(case: dict[str, Any]) -> None:
    from runtimes.mil import open_package

    open_package(case["folder"])


def read_rows(case: dict[str, Any]) -> None:
    from runtimes.evaluation.data.corpus import read_texts

    read_texts(Path(case["folder"]) / case["file"])


def read_report(case: dict[str, Any]) -> None:
    from runtimes.reporting.build import build
    from runtimes.reporting.collect import collect
    from runtimes.reporting.render import html, markdown

    document, _ = build(collect([Path(case["folder"])]))
    assert "{{" in html(document) + markdown(document), "shown as it is written"


def unsafe_pickle(case: dict[str, Any]) -> None:
    with (Path(case["folder"]) / case["file"]).open("rb") as file:
        pickle.load(file)


def unsafe_torch(case: dict[str, Any]) -> None:
    import torch

    torch.load(Path(case["folder"]) / case["file"], weights_only=False)


def unsafe_numpy(case: dict[str, Any]) -> None:
    import numpy as np

    np.load(Path(case["folder"]) / case["file"], allow_pickle=True)


def unsafe_code(case: dict[str, Any]) -> None:
    import transformers

    getattr(transformers, case["class"]).from_pretrained(case["folder"], trust_remote_code=True)


def unsafe_template(case: dict[str, Any]) -> None:
    from jinja2 import Template

    Template((Path(case["folder"]) / case["file"]).read_text()).render()


def unsafe_import(case: dict[str, Any]) -> None:
    import importlib

    sys.path.insert(0, case["folder"])
    importlib.import_module(case["module"])


def unsafe_open(case: dict[str, Any]) -> None:
    (Path(case["folder"]) / case["file"]).read_bytes()


def answer(watch: Watch, case: dict[str, Any]) -> dict[str, Any]:
    """Whether it was read or how it was refused, and what else happened."""
    read: Callable[[dict[str, Any]], None] = globals()[case["read"]]
    watch.allowed, watch.seen = (
        [Path(one).resolve() for one in (case["place"], case["checkpoint"], tempfile.gettempdir())],
        [],
    )
    watch.armed = True
    try:
        read(case)
        outcome = "read"
    except BertportError as error:
        outcome = f"refused: {error}"
    except Exception as error:  # told to the parent, which takes it for a failure unless it asked for it
        outcome = f"{type(error).__name__}: {error}"
    finally:
        watch.armed = False
    return {"name": case["name"], "outcome": outcome, "seen": watch.seen}


def main() -> None:
    import torch  # noqa: F401

    cases = json.loads(Path(sys.argv[1]).read_text())
    for honest in sys.argv[2:]:  # imports what is imported late
        read_checkpoint({"folder": honest})
    watch = Watch()
    sys.addaudithook(watch.hear)
    print(json.dumps([answer(watch, case) for case in cases]))


if __name__ == "__main__":
    main()
