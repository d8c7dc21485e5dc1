"""What each scheme means in ONNX: how every role of weight is stored and computed.

| scheme | words | linears, every token | linears, once a text | error from |
| --- | --- | --- | --- | --- |
| none | float32 | float32 | float32 | order of additions |
| fp16 | float16 | float16 → float32 | the same | rounding of weights |
| int8-weights | int8 by row | int8 by channel → float32 | the same | rounding of weights |
| int8 | int8 by row | int8 × uint8 measured at run time | the same | activations |
| int4-embeddings | int4 by 32 | as int8-weights | as int8-weights | rounding of word vectors |
| pq | a byte for each 4 or 8 numbers, and books of them | as int8 | as int8 | word vectors, activations |

`→ float32` means stored so and computed in float32. Biases, gains, the two type rows and the task head stay float32:
they are under 1 % of the bytes. Integer arithmetic once a text is for the bytes that need not be read and folded: 16
tokens take 6 % less and a process 1.7 MB. int4 linears are not offered: on a two-layer model they cost more accuracy
than they save bytes.
"""

from enum import Enum

from exporter.model.ops import Role


class Storage(Enum):
    """How a weight lies in the file, and what arithmetic reads it."""

    FLOAT32 = "float32"
    FLOAT16 = "float16, computed in float32"
    INT8 = "int8, computed in float32"
    INT8_DYNAMIC = "int8, computed in integers with activations rounded at run time"
    INT4_BLOCK = "int4 by blocks of 32, computed in float32"
    CODES = "codes into books of stretches, computed in float32"


def _storage(word: Storage, position: Storage, linear: Storage, tail: Storage) -> dict[Role, Storage]:
    return {
        Role.WORD_EMBEDDING: word,
        Role.POSITION_EMBEDDING: position,
        Role.TYPE_EMBEDDING: Storage.FLOAT32,
        Role.LINEAR: linear,
        Role.TAIL: tail,
        Role.HEAD: Storage.FLOAT32,
        Role.VECTOR: Storage.FLOAT32,
    }


_F32, _F16, _I8, _DYNAMIC, _I4, _CODES = Storage
_KEPT = {"float16": _F16, "int8": _I8}


def wider(storage: Storage, form: str | None) -> Storage:
    """The storage of a weight that is kept in a form of `keep.FORMS`; storages are listed from the widest on."""
    return storage if form is None else min(storage, _KEPT[form], key=list(Storage).index)


STORAGE = {
    "none": _storage(_F32, _F32, _F32, _F32),
    "fp16": _storage(_F16, _F16, _F16, _F16),
    "int8": _storage(_I8, _I8, _DYNAMIC, _DYNAMIC),
    "int8-weights": _storage(_I8, _I8, _I8, _I8),
    "int4-embeddings": _storage(_I4, _I8, _I8, _I8),
    "pq": _storage(_CODES, _I8, _DYNAMIC, _DYNAMIC),
}
"""Scheme → role → storage."""
