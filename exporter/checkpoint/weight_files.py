"""Read weights from safetensors (memory-mapped, possibly sharded), or from pickles where that is allowed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401 - teaches numpy bfloat16, by which safetensors gives it
import numpy as np
from safetensors import safe_open

from exporter.checkpoint.hints import is_pointer, without_weights
from exporter.checkpoint.json_files import read_object
from exporter.model.ops import Array
from runtimes.backends.pytorch.installed import require
from runtimes.bundle.integrity import is_file
from runtimes.errors import CheckpointError, in_our_words, some
from runtimes.files.bounded_read import MAX_WEIGHT_BYTES

SINGLE, INDEX, PICKLE = "model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"
_SAFE_TORCH = (2, 6)
_MAX_HEADER_BYTES = 16_000_000
"""Some 100,000 tensors; safetensors itself would parse six times as much, for seconds."""
_WRAPPERS = ("_orig_mod.", "module.", "model.")
"""What torch.compile, DataParallel and Lightning put before the names of the model that they wrap."""
_FLOATS = ("F16", "BF16", "F32", "F64")


@dataclass(frozen=True)
class TensorOnDisk:
    """One stored tensor: its shape now, its values when asked for."""

    shape: tuple[int, ...]
    load: Callable[[], Array]

    def read(self) -> Array:
        """Its values as float32; float16 and bfloat16 convert exactly."""
        return np.ascontiguousarray(self.load(), dtype=np.float32)


def weight_files(directory: Path, allow_pickle: bool) -> list[Path]:
    """Return the files that hold the weights, the index of a sharded checkpoint among them.

    Raises CheckpointError when there are none, or only a pickle that was not allowed.
    """
    if (directory / SINGLE).is_file():
        return [directory / SINGLE]
    if (directory / INDEX).is_file():
        return [directory / INDEX, *_shards(directory / INDEX)]
    pickle = directory / PICKLE
    if not pickle.is_file():
        raise CheckpointError(
            f"{directory}: no weights; expected {SINGLE}, {INDEX} with its shards, or {PICKLE}"
            f"{without_weights(directory)}"
        )
    if not allow_pickle:
        raise CheckpointError(
            f"{pickle}: a pickle can run code when it is read; convert it to safetensors, or pass --allow-pickle "
            "(it is then read with weights_only=True)"
        )
    return [pickle]


def open_tensors(files: list[Path]) -> Mapping[str, TensorOnDisk]:
    """Open the files of `weight_files`: tensor name → tensor. Raises CheckpointError for a damaged file."""
    size_bytes = sum(path.stat().st_size for path in files)
    if size_bytes > MAX_WEIGHT_BYTES:
        raise CheckpointError(
            f"{files[0]}: {size_bytes:,} bytes of weights, at most {MAX_WEIGHT_BYTES:,} are read; save it in float16"
        )
    tensors: dict[str, TensorOnDisk] = {}
    for path in files:
        if path.name != INDEX:
            part = _open_pickle(path) if path.name == PICKLE else _open_safetensors(path)
            if twice := tensors.keys() & part.keys():
                raise CheckpointError(f"{path}: tensors stored in two shards: {some(sorted(twice))}; save it again")
            tensors.update(part)
    return tensors


def unwrapped(tensors: Mapping[str, TensorOnDisk]) -> tuple[dict[str, TensorOnDisk], str]:
    """The tensors without what stands before every name where a wrapper was saved for its model; and that."""
    wrapper = ""
    while lead := next((lead for lead in _WRAPPERS if tensors and all(name.startswith(lead) for name in tensors)), ""):
        wrapper += lead
        tensors = {name.removeprefix(lead): tensor for name, tensor in tensors.items()}
    return dict(tensors), wrapper


def _shards(index: Path) -> list[Path]:
    found = read_object(index, f"{index}: missing; fetch the checkpoint again")
    try:
        names = set(found["weight_map"].values())
    except (KeyError, AttributeError, TypeError) as error:
        raise CheckpointError(f"{index}: not an index of shards; it needs a weight_map") from error
    unsafe = sorted(str(name) for name in names if not isinstance(name, str) or Path(name).name != name)
    if unsafe:
        raise CheckpointError(f"{index}: shards must lie beside the index; found {some(unsafe)}; put them there")
    missing = sorted(name for name in names if not is_file(index.parent / name))
    if missing:
        raise CheckpointError(f"{index}: missing shards {some(missing)}; fetch the checkpoint again")
    return [index.parent / name for name in sorted(names)]


def _open_safetensors(path: Path) -> dict[str, TensorOnDisk]:
    _check_header(path)
    with in_our_words(partial(_not_whole, path)), _open(path) as file:
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 - safe_open is no mapping
        kinds = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in slices.items()}
    strange = sorted(f"{name} {dtype}" for name, (dtype, _) in kinds.items() if not _readable(name, dtype))
    if strange:
        raise CheckpointError(f"{path}: expected floating-point weights, found {some(strange)}; save it in float32")
    return {name: TensorOnDisk(shape, _loader(path, name)) for name, (_, shape) in kinds.items()}


def _not_whole(path: Path, reason: str) -> CheckpointError:
    size = path.stat().st_size
    return CheckpointError(f"{path}: not a whole safetensors file ({size:,} bytes: {reason}); fetch or save it again")


def _check_header(path: Path) -> None:
    """The header's stated length, held against the file and against reason before anything of it is parsed."""
    with path.open("rb") as file:
        start = file.read(8)
    if is_pointer(path):
        raise CheckpointError(f"{path}: a pointer of Git LFS, not the file itself; run: git lfs pull")
    stated, size_bytes = int.from_bytes(start, "little"), path.stat().st_size
    if not 0 < stated <= min(size_bytes - 8, _MAX_HEADER_BYTES):
        raise CheckpointError(
            f"{path}: not a whole safetensors file ({size_bytes:,} bytes, a header of {stated:,}, of at most "
            f"{_MAX_HEADER_BYTES:,}); fetch or save it again"
        )


def _open(path: Path) -> Any:
    return safe_open(path, framework="numpy")


def _readable(name: str, dtype: str) -> bool:
    """Weights are floats; the integers that checkpoints hold are buffers nobody reads, and Model2Vec's row numbers."""
    return dtype in _FLOATS or name == "mapping" or name.endswith(("position_ids", "token_type_ids"))


def _loader(path: Path, name: str) -> Callable[[], Array]:
    """The file is mapped while one tensor is read and no longer: what was read would stay in memory with the map."""

    def load() -> Array:
        with in_our_words(partial(_not_whole, path)), _open(path) as file:
            return np.asarray(file.get_tensor(name))

    return load


def _open_pickle(path: Path) -> dict[str, TensorOnDisk]:
    require(f"{path}: a pickle", "torch")
    import torch

    if _release(torch.__version__) < _SAFE_TORCH:
        raise CheckpointError(
            f"{path}: torch {torch.__version__} runs code from pickles even with weights_only (CVE-2025-32434); "
            "install torch 2.6 or later, or convert the file to safetensors elsewhere"
        )
    with in_our_words(partial(_not_plain, path), 200):  # the unpickler has no end of words
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    if not isinstance(state, dict) or not all(isinstance(one, str) and _is_plain(state[one]) for one in state):
        raise CheckpointError(f"{path}: expected a dictionary of tensors; save the model's state_dict as safetensors")
    return {name: TensorOnDisk(tuple(value.shape), value.float().numpy) for name, value in state.items()}


def _not_plain(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path}: not a plain file of tensors ({reason}); save it as safetensors")


def _release(version: str) -> tuple[int, ...]:
    """2.13.0+cpu → (2, 13)."""
    return tuple(int(part) for part in version.split(".")[:2])


def _is_plain(value: object) -> bool:
    """Whether it is numbers in memory, each stored once: a view may claim a shape of any size."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout is not torch.strided or value.is_quantized:
        return False
    return value.device.type == "cpu" and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
