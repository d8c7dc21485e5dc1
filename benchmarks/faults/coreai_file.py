"""A Core AI asset that is open to be spoilt: its constants where they lie, its metadata, and the program that it holds.

A program is changed before it is built: the recipe is lowered once more over the asset's own constants, and what comes
of that is written anew by Apple's package. Of an untouched asset these are the same bytes.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.frame import Fault
from exporter.model.ops import Array
from exporter.targets.audit.subject import Audited
from exporter.targets.audit.tally import Tally
from exporter.targets.coreai.audit.asset import against
from exporter.targets.coreai.audit.stored import StoredConstant, stored_constants
from exporter.targets.coreai.audit.weights import AuditedStore
from exporter.targets.coreai.lower import lower
from exporter.targets.coreai.program.graph import Program
from exporter.targets.coreai.program.writing import write_asset
from exporter.targets.coreai.target import options_of, scheme_of
from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.attributes import BITS
from runtimes.aimodel.names import ASSET, HASH, METADATA, PROGRAM
from runtimes.bundle.reading import sha256


def constants_of(bundle: Path) -> Mapping[str, StoredConstant]:
    """Every constant of a bundle's asset by name."""
    return stored_constants(read_asset(bundle / ASSET))


def program_of(audited: Audited) -> Program:
    """The program that an untouched bundle holds, over its own constants."""
    asset, options = read_asset(audited.bundle.directory / ASSET), options_of(audited.recipe)
    store = AuditedStore(scheme_of(audited.recipe), stored_constants(asset), Tally(ASSET), against(audited))
    return lower(audited.checkpoint.model, store, options.sequence_lengths, options.layout)


def constant_fault(kind: str, name: str, constant: str, change: Callable[[Array], Array]) -> Fault:
    """A fault that is other numbers in a constant's place."""

    def plant(bundle: Path) -> None:
        (found,) = (one for one in read_asset(bundle / ASSET).constants if one.name == constant)
        values = constants_of(bundle)[constant].read().copy()
        with np.errstate(all="ignore"):
            raw = _packed(change(values).astype(values.dtype), found.type.dtype)
        content = np.memmap(bundle / ASSET / PROGRAM, np.uint8, mode="r+")
        content[found.offset : found.offset + found.size_bytes] = raw
        content.flush()
        _hash_anew(bundle / ASSET)

    return Fault(kind, name, plant)


def program_fault(kind: str, name: str, program: Callable[[], Program]) -> Fault:
    """A fault that is another program, written as an export does."""

    def plant(bundle: Path) -> None:
        asset = bundle / ASSET
        metadata = json.loads((asset / METADATA).read_bytes())
        changed = program()  # before its constants go, which it reads where they lie
        write_asset(changed, metadata, bundle / "spoilt")
        shutil.rmtree(asset)
        (bundle / "spoilt").rename(asset)

    return Fault(kind, name, plant)


def metadata_fault(kind: str, name: str, change: Callable[[dict[str, Any]], None]) -> Fault:
    """A fault of what the asset says of itself."""

    def plant(bundle: Path) -> None:
        path = bundle / ASSET / METADATA
        content = json.loads(path.read_bytes())
        change(content)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    return Fault(kind, name, plant)


def file_fault(name: str, change: Callable[[Path], object]) -> Fault:
    """A fault of the asset's folder; its hash stays as it is."""
    return Fault("file", name, lambda bundle: change(bundle / ASSET) and None)


def _hash_anew(asset: Path) -> None:
    (asset / HASH).write_bytes(bytes.fromhex(sha256(asset / PROGRAM)))


def _packed(values: Array, element: str) -> Array:
    """The bytes of numbers as they lie: of those narrower than a byte several share one."""
    flat, bits = np.ascontiguousarray(values).reshape(-1).view(np.uint8), BITS[element]
    if bits >= 8:
        return flat
    return np.packbits(np.unpackbits(flat.reshape(-1, 1), axis=1, count=bits, bitorder="little"), bitorder="little")
