"""Audit of the weights of a saved program, each compared when the lowering asks for it.

A weight is read in parts and compared as the model is lowered, so that no second float copy of a word table is made.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from exporter.compression import product_quantization
from exporter.model.ops import Array, Weight
from exporter.targets.audit.form_rows import Rows, UnlikeError, compare_rows
from exporter.targets.audit.tally import Tally
from exporter.targets.coreml.audit.forms import Reader, open_codes, open_rows
from exporter.targets.coreml.audit.shapes import Tensor
from exporter.targets.coreml.names import mil_name
from exporter.targets.coreml.schemes import CoreMLScheme
from exporter.targets.encoding.forms import CODED, Form
from runtimes.errors import BundleError


@dataclass
class StoredWeights:
    """The `Constants` of `MilOps`: what the program holds, where `targets.coreml.weights.WeightStore` would write.

    `compared` are weights of other functions of the package, by where they are stored: functions share them.
    `trained` tells which weights are not the checkpoint's any more, but near them, where not all are `exact`;
    `dimensions` are pq's.
    """

    reader: Reader
    scheme: CoreMLScheme
    tally: Tally
    dimensions: int = 0
    trained: Callable[[Weight], str] = lambda _: ""
    weighed: bool = False
    exact: bool = True
    compared: set[object] = field(default_factory=set)
    tables: dict[str, Tensor] = field(default_factory=dict)

    @property
    def dtype(self) -> type:
        """See Constants."""
        return np.float16 if self.scheme.half else np.float32

    @property
    def _float(self) -> str:
        return "fp16" if self.scheme.half else "fp32"

    def table(self, weight: Weight) -> Tensor:
        """See Constants."""
        if weight.name not in self.tables:
            self.tables[weight.name] = self.constant(weight, weight.values.shape)
        return self.tables[weight.name]

    def coded(self, weight: Weight) -> bool:
        """See Constants."""
        return self.scheme.stored(weight) in CODED

    def codes(self, table: Weight) -> tuple[Tensor, Tensor, Tensor]:
        """See Constants; compared as a whole, for a codebook serves all rows."""
        rows, width = table.values.shape
        places, name = width // self.dimensions, mil_name(table.name)
        kinds = {
            "codes": ("uint8", (rows, places)),
            "starts": ("int32", (places,)),
            "book": (self._float, (places * product_quantization.ENTRIES, self.dimensions)),
        }
        tensors = [Tensor(f"{name}_{part}", *kind) for part, kind in kinds.items()]
        narrow, trained = self.scheme.stored(table) is Form.CODES_INT8, self.trained(table)
        self._compare(
            table, table.values, lambda: open_codes(self.reader, tensors, trained, weighed=self.weighed, narrow=narrow)
        )
        return tensors[0], tensors[1], tensors[2]

    def constant(self, weight: Weight, shape: tuple[int, ...]) -> Tensor:
        """See Constants."""
        rows = weight.values.reshape(-1, weight.values.shape[-1])  # [rows, n]
        tensor = Tensor(mil_name(weight.name), self._float, tuple(shape))
        form, trained = self.scheme.stored(weight), self.trained(weight)
        self._compare(weight, rows, lambda: open_rows(self.reader, tensor, form, rows.shape, trained, self.exact))
        return tensor

    def _compare(self, weight: Weight, rows: Array, opened: Callable[[], Rows]) -> None:
        try:
            stored = opened()
            key = (weight.name, stored.places)
            if None in stored.places or key not in self.compared:
                self.compared.add(key)
                compare_rows(self.tally, weight.name, rows, stored)
        except (UnlikeError, BundleError) as error:
            self.tally.find(weight.name, str(error))


@dataclass
class ReadWeights(StoredWeights):
    """Reads instead of comparing: `read` gets the float values of what is stored, in the forms of `pq`."""

    read: dict[str, Array] = field(default_factory=dict)

    def _compare(self, weight: Weight, rows: Array, opened: Callable[[], Rows]) -> None:
        stored = opened()
        if stored.values is None:
            raise BundleError(
                f"{weight.name}: stored as {stored.form}, and no fine-tuned bundle has that; export again"
            )
        self.read[weight.name] = stored.values(rows.shape).astype(np.float32).reshape(weight.values.shape)
