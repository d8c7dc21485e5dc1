"""Opening Core AI assets that other tools saved, of fixed lengths or of any."""

from collections.abc import Iterator
from pathlib import Path

from runtimes.aimodel.asset import read_asset
from runtimes.aimodel.model import FREE, Function
from runtimes.backends.coreai.runner import open_functions, rows_asked
from runtimes.backends.fixed_length import Interface
from runtimes.backends.foreign import Expected, Opened, RenamedRunner, matched_inputs, matched_outputs
from runtimes.errors import BundleError
from runtimes.extras import require_extra

_LENGTHS = (8, 16, 32, 64, 128, 256, 512)
"""Of a function that takes any length, those that are run."""
_DTYPES = ("int32", "int64", "float16", "float32")


def open_asset_of_others(path: Path, expected: Expected) -> Opened:
    """Open every function of an asset, once it is checked. Raises as `foreign.open_file`."""
    require_extra("coreai", "running a Core AI asset")
    asset = read_asset(path)
    first = asset.functions[0]
    reads = matched_inputs(path, [one.name for one in first.inputs], expected)
    names = matched_outputs(path, [one.name for one in first.outputs], expected)
    functions = {length: one for one in asset.functions for length in _lengths(path, one, first)}
    tokens = frozenset(name for name, wanted in names.items() if wanted in expected.token_outputs)
    interface = Interface(reads, tokens, expected.pad_id)
    runner = open_functions(path, functions, interface, most_rows=rows_asked(asset))
    return Opened(RenamedRunner(runner, names), tuple(names.values()), tuple(sorted(functions)), reads)


def _lengths(path: Path, function: Function, like: Function) -> Iterator[int]:
    """The lengths of one row that a function takes. Raises BundleError for other inputs."""
    shapes = {one.shape for one in function.inputs}
    same = [one.name for one in function.inputs] == [one.name for one in like.inputs]
    fits = len(shapes) == 1 and same and {one.dtype for one in function.inputs} <= {*_DTYPES}
    shape = next(iter(shapes)) if fits else ()
    if len(shape) != 2 or shape[0] not in (FREE, 1) or shape[1] == 0:
        raise BundleError(
            f"{path}: {function.name}: expected inputs [1, length], found {_told(function)}; convert it for one text"
        )
    yield from _LENGTHS if shape[1] == FREE else (shape[1],)


def _told(function: Function) -> str:
    return "; ".join(f"{one.name} {one.dtype} {[*one.shape]}" for one in function.inputs) or "none"
