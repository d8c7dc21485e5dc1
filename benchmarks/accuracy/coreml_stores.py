"""A coded word table in a Core ML package: two gathers over the codes, or one palette of vectors that is unpacked.

Sizes are of saved packages; what a device keeps in memory is not run here. That both mean the same rows is checked
under the portable interpreter.
"""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from exporter.compression.product_quantization import ProductCodes, product_quantise
from exporter.targets.coreml.coremltools import ct, mb, types
from exporter.targets.coreml.package import convert, write
from runtimes.mil import open_package

TOKENS = 128


def measure_stores(table: "np.ndarray[Any, Any]") -> dict[str, Any]:
    """Bytes at rest of both, and of the table unpacked: what a runtime that unpacks the palette keeps in memory."""
    codes = product_quantise(table)
    ids = np.linspace(0, len(table) - 1, TOKENS).astype(np.int32)[None]
    with TemporaryDirectory() as folder:
        made = {name: _saved(rows, codes, Path(folder) / f"{name}.mlpackage") for name, rows in _SPELLINGS.items()}
        sizes = {name: sum(path.stat().st_size for path in made[name].rglob("*") if path.is_file()) for name in made}
        found = [open_package(package).run({"ids": ids})["rows"] for package in made.values()]
    return {
        "size_bytes": sizes,
        "unpacked_bytes": table.size * 2,
        "same_rows": all(np.array_equal(found[0], other) for other in found),
        "as_the_codes_say": bool(np.array_equal(found[0], codes.restored[ids])),
        "run time": "not run",
    }


def _gathers(codes: ProductCodes, ids: Any) -> Any:
    places, entries, width = codes.codebook.shape
    starts = np.arange(places, dtype=np.int32) * entries
    found = mb.gather(x=mb.const(val=codes.codes, name="codes"), indices=ids, axis=0)
    entry = mb.add(x=mb.cast(x=found, dtype="int32"), y=mb.const(val=starts, name="starts"))
    codebook = mb.const(val=codes.codebook.reshape(-1, width).astype(np.float16), name="book")
    return mb.reshape(x=mb.gather(x=codebook, indices=entry, axis=0), shape=(1, TOKENS, places * width), name="rows")


def _palette(codes: ProductCodes, ids: Any) -> Any:
    codebook = codes.codebook[None].astype(np.float16)  # [1, H / d, 256, d]: one palette for each column of codes
    table = mb.constexpr_lut_to_dense(indices=codes.codes, lut=codebook, vector_axis=np.int32(1), name="table")
    return mb.gather(x=table, indices=ids, axis=0, name="rows")


_SPELLINGS: dict[str, Callable[[ProductCodes, Any], Any]] = {"two gathers": _gathers, "palette of vectors": _palette}


def _saved(rows: Callable[[ProductCodes, Any], Any], codes: ProductCodes, package: Path) -> Path:
    @mb.program(  # type: ignore[misc]  # coremltools is not typed
        input_specs=[mb.TensorSpec(shape=(1, TOKENS), dtype=types.int32)], opset_version=ct.target.iOS18
    )
    def program(ids: Any) -> Any:
        return rows(codes, ids)

    write(convert(program, ct.target.iOS18, package), package)
    return package
