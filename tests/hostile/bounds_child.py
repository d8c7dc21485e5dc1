"""A process that reads one hostile file after another, each with 500 MB more than it has.

    python bounds_child.py CASES.json      [{"name", "read", "folder"}, …]; the answers on stdout

What wants more memory gets MemoryError, which is none of our errors; what hangs ends in the parent's limit.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from exporter.checkpoint.checkpoint import load
from exporter.checkpoint.source import Source
from runtimes.bundle.reading import check_files, read_bundle
from runtimes.errors import BertportError
from runtimes.evaluation.data.corpus import read_texts
from runtimes.evaluation.data.table import read_table
from runtimes.mil import open_package
from runtimes.records.reading import read_record
from runtimes.tflite.reading import read_model

ALLOWED_BYTES = 500_000_000
READERS = {
    "checkpoint": lambda folder: load(Source("folder", "hostile", None, folder), allow_pickle=True),
    "bundle": lambda folder: check_files(read_bundle(folder)),
    "package": open_package,
    "tflite": read_model,
    "texts": read_texts,
    "table": lambda path: read_table(path, {"text"}),
    "record": read_record,
}


def answer(case: dict[str, Any]) -> dict[str, Any]:
    """Read, and tell how it ended and how long it took."""
    started_s = time.perf_counter()
    _limit(_used_bytes() + ALLOWED_BYTES)
    try:
        READERS[case["read"]](Path(case["folder"]))
        outcome = "read"
    except BertportError as error:
        outcome = f"refused: {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    finally:
        _limit(resource.RLIM_INFINITY)
    return {"name": case["name"], "outcome": outcome[:4000], "seconds": time.perf_counter() - started_s}


def _limit(most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (most_bytes, resource.RLIM_INFINITY))


def _used_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main() -> None:
    import torch  # noqa: F401 - imports are no part of what a file costs
    from google.protobuf import message  # noqa: F401

    cases = json.loads(Path(sys.argv[1]).read_text())
    for case in cases:
        if case.get("honest"):
            READERS[case["read"]](Path(case["folder"]))
    print(json.dumps([answer(case) for case in cases]))


if __name__ == "__main__":
    main()
