"""All faults of a Core AI bundle: constants, operations and arguments, edges, interface, metadata, files, facts."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults.coreai_file import file_fault, metadata_fault, program_of
from benchmarks.faults.coreai_graph import graph_faults
from benchmarks.faults.coreai_weights import weight_faults
from benchmarks.faults.facts import fact_faults
from benchmarks.faults.frame import Fault
from exporter.targets.audit.subject import Audited
from exporter.targets.coreai.metadata import FACTS
from runtimes.aimodel.names import ASSET, HASH, METADATA, PROGRAM


def every_fault(audited: Audited, seed: int) -> list[Fault]:
    """Of weights, operators, arguments, edges, order, interface, metadata, files, config.json and manifest."""
    bundle = audited.bundle.directory
    graph = graph_faults(program_of(audited))
    return [*weight_faults(bundle, seed), *graph, *_metadata_faults(bundle), *_file_faults(), *fact_faults(bundle)]


def _metadata_faults(bundle: Path) -> Iterator[Fault]:
    content = json.loads((bundle / ASSET / METADATA).read_bytes())
    for key in sorted(content.keys() - {FACTS, "producer"}):
        yield metadata_fault("metadata", f"{key} changed", partial(_set, key, "other"))
        yield metadata_fault("metadata", f"{key} left out", partial(_forget, key))
    for key in sorted(content[FACTS].keys() - {"bertport_version"}):
        yield metadata_fault("metadata", f"{key} changed", lambda said, key=key: _set(key, "pq", said[FACTS]))
        yield metadata_fault("metadata", f"{key} left out", lambda said, key=key: _forget(key, said[FACTS]))
    labels = json.loads(content[FACTS].get("labels", "[]"))
    if len(labels) > 1:
        swapped = json.dumps([labels[1], labels[0], *labels[2:]], ensure_ascii=False)
        yield metadata_fault("metadata", "two labels swapped", lambda said: _set("labels", swapped, said[FACTS]))


def _set(key: str, value: str, said: dict[str, Any]) -> None:
    said[key] = value


def _forget(key: str, said: dict[str, Any]) -> None:
    del said[key]


def _file_faults() -> Iterator[Fault]:
    yield file_fault("another hash", lambda asset: (asset / HASH).write_bytes(bytes(32)))
    yield file_fault("no hash", lambda asset: (asset / HASH).unlink())
    yield file_fault("a file more", lambda asset: (asset / "main.mlir").write_bytes(b""))
    yield file_fault("half of the program", lambda asset: _cut(asset / PROGRAM))
    yield file_fault("no metadata", lambda asset: (asset / METADATA).unlink())


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
