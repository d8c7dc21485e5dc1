"""A description of the reference model as plain data, readable without torch."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtimes.process.frames import pack, unpack
from runtimes.runner import INPUTS, Array


@dataclass(frozen=True)
class Layer:
    """Weight [out, in], bias [out] and activation of a Dense."""

    weight: Array
    bias: Array | None
    activation: str | None


@dataclass(frozen=True)
class Pooling:
    """How tokens become one vector, and the layers and normalisations (None) after it."""

    kind: str
    steps: tuple[Layer | None, ...]


@dataclass(frozen=True)
class ReferenceModel:
    """A checkpoint's folder, transformers' class for it, what is read of its outputs and fed to it; see TorchRunner.

    `threads` are those that it answers with, None for as many as torch takes.
    """

    checkpoint: Path
    architecture: str
    outputs: tuple[str, ...] = ("logits",)
    inputs: tuple[str, ...] = INPUTS
    pooling: Pooling | None = None
    config: Mapping[str, Any] | None = None
    double: bool = False
    wrapper: str = ""
    threads: int | None = None


def to_arrays(model: ReferenceModel) -> dict[str, Array]:
    """All of a model's description, for a frame."""
    pooling, arrays = model.pooling, dict[str, Array]()
    for number, step in enumerate(pooling.steps if pooling else ()):
        if step is not None:
            parts = {"weight": step.weight, "bias": step.bias}
            arrays |= {f"{number}.{name}": values for name, values in parts.items() if values is not None}
    told = {
        "checkpoint": str(model.checkpoint),
        "architecture": model.architecture,
        "outputs": model.outputs,
        "inputs": model.inputs,
        "config": model.config,
        "double": model.double,
        "wrapper": model.wrapper,
        "threads": model.threads,
        "kind": pooling and pooling.kind,
        "steps": [step and {"activation": step.activation} for step in (pooling.steps if pooling else ())],
    }
    return {"told": np.frombuffer(json.dumps(told).encode(), np.uint8), **arrays}


def to_text(model: ReferenceModel) -> str:
    """All of it as a text, for JSON."""
    return base64.b64encode(pack(to_arrays(model))).decode()


def from_text(text: str) -> ReferenceModel:
    """What `to_text` was given."""
    return from_arrays(unpack(base64.b64decode(text)))


def from_arrays(arrays: Mapping[str, Array]) -> ReferenceModel:
    """What `to_arrays` was given."""
    told = json.loads(arrays["told"].tobytes())
    layers = [
        step and Layer(arrays[f"{number}.weight"], arrays.get(f"{number}.bias"), step["activation"])
        for number, step in enumerate(told["steps"])
    ]
    pooling = Pooling(told["kind"], tuple(layers)) if told["kind"] else None
    outputs, inputs = tuple(told["outputs"]), tuple(told["inputs"])
    where, architecture, rest = (
        Path(told["checkpoint"]),
        told["architecture"],
        (told["double"], told["wrapper"], told["threads"]),
    )
    return ReferenceModel(where, architecture, outputs, inputs, pooling, told["config"], *rest)
