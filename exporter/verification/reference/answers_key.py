"""What PyTorch's answers depend on beside model and cases, and where those of a model are kept.

Imports nothing that is slow: it is asked before PyTorch is started, which is before all else.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtimes.files import content_cache
from runtimes.files.bounded_read import read_own
from runtimes.measurement.host import fingerprint
from runtimes.process.launch import ROOT

_FORMAT = 1
_LIBRARIES = ("torch", "transformers", "tokenizers", "numpy")
_ARITHMETIC = (
    *("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_DYNAMIC", "MKL_ENABLE_INSTRUCTIONS", "DNNL_MAX_CPU_ISA"),
    *("ONEDNN_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "OPENBLAS_CORETYPE", "OMP_DYNAMIC", "OMP_THREAD_LIMIT"),
)
"""Variables that say which kernels compute, or with how many threads."""
_CODE = (
    "runtimes/evaluation/predict.py",
    "runtimes/backends/pytorch",
    "runtimes/runner.py",
    "runtimes/parity/cases.py",
    "exporter/verification/reference",
)
"""What asks PyTorch and keeps its answers."""


def are_kept(weights: Path) -> bool:
    """Whether answers are likely to be there for a model with this one file of weights: only time depends on it."""
    group = group_of({weights.name: sha256_of(weights)})
    return group is not None and content_cache.has_any(group)


def group_of(weights: Mapping[str, str]) -> str | None:
    """How the entries of a model begin, by the hashes of its files of weights; None where none can be kept."""
    common = environment()
    if common is None:
        return None
    return hashlib.sha256(json.dumps([common, sorted(weights.items())], sort_keys=True).encode()).hexdigest()[:16]


@cache
def environment() -> dict[str, Any] | None:
    """Versions, code and processor: what every answer depends on; None without PyTorch."""
    try:
        versions = {name: version(name) for name in _LIBRARIES}
    except PackageNotFoundError:
        return None
    host = fingerprint()
    variables = {name: os.environ[name] for name in _ARITHMETIC if name in os.environ}
    machine = [host["processor"], host["system"], host["python"]]
    return {"format": _FORMAT, "versions": versions, "code": _code(), "machine": machine, "variables": variables}


def _code() -> str:
    """A hash over our own sources that ask PyTorch: what they ask may be another thing from one version to the next."""
    digest = hashlib.sha256()
    for place in _CODE:
        path = ROOT / place
        for source in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(f"{source.relative_to(ROOT).as_posix()}\n{read_own(source)}\n".encode())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
