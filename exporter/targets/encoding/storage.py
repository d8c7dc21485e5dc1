"""Forms of storage, and which role of weight has which."""

from collections.abc import Mapping
from enum import Enum

from exporter.model.ops import Role


class Storage(Enum):
    """How a weight lies in the file, and what arithmetic reads it."""

    FLOAT32 = "float32"
    FLOAT16 = "float16, computed in float32"
    INT8 = "int8, computed in float32"
    INT8_DYNAMIC = "int8, computed in integers with activations rounded at run time"
    INT4_BLOCK = "int4 by blocks of 32, computed in float32"
    INT4_DYNAMIC = "int4, a scale for each row, computed in integers with activations rounded at run time"
    CODES = "codes into codebooks, computed in float32"
    CODES_INT8 = "codes into codebooks in int8, computed in float32"
    SHARED_CODES = "codes into one codebook for all places, computed in float32"


def described(storage: Mapping[Role, Storage]) -> tuple[str, str, str]:
    """`Scheme.described` of a scheme that stores its roles so."""
    words, positions, linears = (
        storage[role].value for role in (Role.WORD_EMBEDDING, Role.POSITION_EMBEDDING, Role.LINEAR)
    )
    return words, positions, linears


def by_role(word: Storage, position: Storage, linear: Storage, tail: Storage) -> dict[Role, Storage]:
    """The storage of every role; what is small stays float32."""
    return {
        Role.WORD_EMBEDDING: word,
        Role.POSITION_EMBEDDING: position,
        Role.TYPE_EMBEDDING: Storage.FLOAT32,
        Role.LINEAR: linear,
        Role.TAIL: tail,
        Role.HEAD: Storage.FLOAT32,
        Role.VECTOR: Storage.FLOAT32,
    }


IN_INTEGERS = frozenset({Storage.INT8_DYNAMIC, Storage.INT4_DYNAMIC})
"""Storages of linear layers whose products are computed in integers."""
_KEPT = {"float16": Storage.FLOAT16, "int8": Storage.INT8}


def wider(storage: Storage, form: str | None) -> Storage:
    """The storage of a weight kept in a form of `weight_exceptions.FORMS`; storages are listed from the widest on."""
    return storage if form is None else min(storage, _KEPT[form], key=list(Storage).index)
