"""Writes small Core AI assets with Apple's own library, in a process that ends at once.

python -P assets_child.py FOLDER
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from coreai.authoring import (
    AIProgram,
    DebugInfo,
    Module,
    TensorSpec,
    Value,
    broadcasting_mul,
    cast,
    expand_dims,
    gather_nd,
    graph,
    reduce_sum,
    reshape,
)

ROWS, WIDTH = 40, 3
TABLE = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)


def write(path: Path, lengths: tuple[int, ...], dtype: type = np.int32, output: str = "logits") -> None:
    """logits [1, WIDTH]: the sum of the rows of the tokens that the mask shows."""
    module = Module.create()
    with module:
        for length in lengths:
            _function("main" if len(lengths) == 1 else f"length_{length}", length, dtype, output)
    module.verify()
    AIProgram(module).save_asset(path)


def _function(name: str, length: int, dtype: type, output: str) -> None:
    def main(input_ids, attention_mask):  # type: ignore[no-untyped-def]
        with DebugInfo.file("rows", 1).activate():
            rows = gather_nd(TABLE, expand_dims(cast(input_ids, np.int32), [2]))
        with DebugInfo.file("seen", 1).activate():
            seen = broadcasting_mul(rows, expand_dims(cast(attention_mask, np.float32), [2]))
        with DebugInfo.file("sum", 1).activate():
            return reshape(reduce_sum(seen, [1]), [1, WIDTH])

    spec = Annotated[Value, TensorSpec([1, length], dtype)]
    made = Annotated[Value, TensorSpec([1, WIDTH], np.float32, name=output)]
    main.__annotations__ = {"input_ids": spec, "attention_mask": spec, "return": made}
    graph(main, provided_name=name)


if __name__ == "__main__":
    place = Path(sys.argv[1])
    write(place / "one.aimodel", (8,))
    write(place / "two.aimodel", (8, 4))
    write(place / "free.aimodel", (-1,))
    write(place / "wide.aimodel", (8,), np.int64, "scores")
    np.save(place / "table.npy", TABLE)
    os._exit(0)
