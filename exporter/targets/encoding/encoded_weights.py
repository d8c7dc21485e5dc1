"""Encodes weights in the form of their role; a target says where what comes of it is stored, and what reads it.

An audit overrides what encodes here: it reads what a file has under the same names, and compares.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Any, TypeVar, cast

import numpy as np

from exporter.compression import integer_rounding
from exporter.compression.integer_rounding import Quantise as Quantise
from exporter.compression.outlier_channels import AS_IT_IS, Treatment
from exporter.compression.product_quantization import ProductCodes, int8_codebooks, shared_quantise
from exporter.compression.weight_exceptions import Keep
from exporter.model.ops import Array, Role, Weight
from exporter.targets.encoding.float16_range import check_float16
from exporter.targets.encoding.storage import IN_INTEGERS, Storage, wider
from runtimes.errors import LoweringError

Encode = Callable[[Array], ProductCodes]
"""A table [rows, H] → its codes."""
SMOOTHED = ".smoothed"
"""What follows the name of a weight that is stored with the factors of its outlier channels."""


class Layout(Enum):
    """How int8 values [..., out, in] and their scales [..., out, 1] lie in the file."""

    AS_IS = "[..., out, in], scales [..., out, 1]"
    TRANSPOSED = "[..., in, out], scales [..., 1, out]"
    FOR_PRODUCTS = "[in, out], scales [out]: what MatMulInteger reads"

    def integers(self, values: Array) -> Array:
        """Values as they lie in the file, or those of the file as they were."""
        return values if self is Layout.AS_IS else values.swapaxes(-1, -2)

    def scales(self, scale: Array) -> Array:
        """Scales as they lie in the file."""
        return scale[:, 0] if self is Layout.FOR_PRODUCTS else self.integers(scale)


F = TypeVar("F", bound=Callable[..., Any])


def _once(store: F) -> F:
    """Encodes what has a name once: a table is read by several operators, and by a subgraph for each length."""

    @wraps(store)
    def stored(self: "EncodedWeights", name: str, *given: Any) -> Any:
        key = store.__name__, name
        if key not in self.encoded:
            self.encoded[key] = store(self, name, *given)
        return self.encoded[key]

    return cast("F", stored)


class EncodedWeights(ABC):
    """Each weight in the form of its role.

    `encode` gives the codes of the word table, for the scheme that stores those. `target` is how errors call the file;
    `positive_scales`: its readers know no negative scale of int4.
    """

    target: str
    positive_scales = False

    def __init__(self, storage: Mapping[Role, Storage], keep: Keep, encode: Encode) -> None:
        self._storage, self._keep, self._encode = storage, keep, encode
        self.encoded: dict[tuple[str, str], Any] = {}

    @abstractmethod
    def add(self, name: str, values: Array | np.generic) -> str:
        """Store a tensor under a name, once; return the name."""

    def storage(self, weight: Weight) -> Storage:
        """How the scheme stores a weight, or wider where it is kept so."""
        return wider(self._storage[weight.role], self._keep.form(weight.name))

    def integer_products(self, table: Weight) -> bool:
        """Whether products with the rows of a table are computed in integers."""
        return self.storage(table) is Storage.INT8 and self._storage[Role.LINEAR] in IN_INTEGERS

    @_once
    def floats(self, name: str, values: Array) -> str:
        """Store values as they are."""
        return self.add(name, values)

    @_once
    def halves(self, name: str, values: Array) -> str:
        """Store values as float16; return the stored tensor's name."""
        check_float16(self.target, name, values, "use --quantize none or int8")
        return self.add(f"{name}.float16", values.astype(np.float16))

    @_once
    def integers(self, name: str, values: Array, quantise: Quantise, layout: Layout = Layout.AS_IS) -> tuple[str, str]:
        """Store values [..., n] as int8 with a scale for each row: names of both."""
        q, scale = quantise(values)
        return self.add(f"{name}.int8", layout.integers(q)), self.add(f"{name}.scale", layout.scales(scale))

    @_once
    def nibbles(self, name: str, values: Array) -> tuple[str, str]:
        """Store a table as int4 by blocks: names of the nibbles and of the scales [rows, blocks]."""
        q, scale = integer_rounding.int4_blocks(values, positive_scales=self.positive_scales)
        return self.add(f"{name}.int4", self.pack_nibbles(q)), self.add(f"{name}.scale", scale)

    @_once
    def pairs(self, name: str, values: Array) -> tuple[str, str]:
        """Store a linear weight [out, in] as int4: names of the pairs and of the scales [out].

        Raises LoweringError as `require_pairs` does.
        """
        self.require_pairs(name, values)
        q, scale = integer_rounding.int4_rows(values)
        packed = self.add(f"{name}.int4", self.pack_pairs(q))
        return packed, self.add(f"{name}.scale.float16", scale[:, 0])

    @_once
    def codes(self, name: str, values: Array, starts: str) -> tuple[str, str]:
        """Store a table as codes [rows, places] into codebooks [places · entries, d]: names of both.

        Where the codebook of each place starts is stored too, under the name `starts`.
        """
        coded = self._encode(values)
        places, entries, _ = coded.codebook.shape
        self.add_starts(starts, places, entries)
        codebook = self.add(f"{name}.book.float16", coded.codebook.reshape(places * entries, -1).astype(np.float16))
        return self.add(f"{name}.codes", coded.codes), codebook

    @_once
    def narrow_codes(self, name: str, values: Array, starts: str) -> tuple[str, str, str]:
        """As `codes`, with the codebooks in int8: names of codes, codebooks and their scale [1, 1]."""
        coded = self._encode(values)
        places, entries, width = coded.codebook.shape
        self.add_starts(starts, places, entries)
        q, scale = int8_codebooks(coded.codebook)
        codebook = self.add(f"{name}.book.int8", q.reshape(places * entries, width))
        floats = self.add(f"{name}.book.scale", scale.astype(np.float32))
        return self.add(f"{name}.codes", coded.codes), codebook, floats

    @_once
    def shared_codes(self, name: str, values: Array) -> tuple[str, str]:
        """Store a table as codes [rows, places] into one codebook [entries, d] for all places: names of both."""
        coded = shared_quantise(values)
        codebook = self.add(f"{name}.book.float16", coded.codebook[0].astype(np.float16))
        return self.add(f"{name}.codes", coded.codes), codebook

    def add_starts(self, name: str, places: int, entries: int) -> str:
        """Store the first row of each place's codebook, int32 [places]."""
        return self.add(name, np.arange(places, dtype=np.int32) * entries)

    def require_pairs(self, name: str, values: Array) -> None:
        """Raise LoweringError for a weight of which one number is left over when two share a byte."""
        if values.size % 2:
            odd = f"{self.target}: {name} holds {values.size} numbers, and int4 packs two in a byte"
            raise LoweringError(f"{odd}; pass --keep {name}")

    @staticmethod
    def pack_nibbles(q: Array) -> Array:
        """A table [rows, H] of 0..15 as the file holds it: see integer_rounding.pack_nibbles for the order."""
        return integer_rounding.pack_nibbles(q)

    @staticmethod
    def pack_pairs(q: Array) -> Array:
        """A weight int8 [out, in] in −8..7 as the file holds it: by default as [in, out]."""
        return integer_rounding.pack_pairs(q.T)


def treated_values(weight: Weight, treated: Treatment = AS_IT_IS) -> tuple[str, Array]:
    """Name and values of what a linear layer that treats outlier channels multiplies with in integers.

    Of a smoothed layer it is stored times the factors. The weights of channels in floats are 0, and leave the scales to
    the others.
    """
    name, values = weight.name, weight.values
    if treated.factors is not None:
        name, values = f"{name}{SMOOTHED}", values * treated.factors
    if treated.channels is not None:
        values = values.copy()
        values[:, treated.channels] = 0
    return name, values
