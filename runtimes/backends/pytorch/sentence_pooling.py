"""Pooling of sentence embeddings over PyTorch's hidden states: the reference for what a graph computes.

As sentence-transformers' modules Pooling, Dense and Normalize compute them (version 5), in float32.
"""

from collections.abc import Callable

import torch

from runtimes.backends.pytorch.description import Layer, Pooling

_ACTIVATIONS: dict[str | None, Callable[[torch.Tensor], torch.Tensor]] = {
    None: lambda x: x,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


def embed(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Hidden states [B, S, H] and mask [B, S] → embeddings [B, n]."""
    x = _pool(hidden, mask.unsqueeze(-1).float(), pooling.kind)
    for step in pooling.steps:
        x = torch.nn.functional.normalize(x, dim=-1) if step is None else _dense(x, step)
    return x


def _pool(hidden: torch.Tensor, seen: torch.Tensor, kind: str) -> torch.Tensor:
    if kind == "cls":
        return hidden[:, 0]
    if kind == "max":
        return hidden.masked_fill(seen == 0, -1e9).max(1).values
    total, number = (hidden * seen).sum(1), seen.sum(1).clamp(min=1e-9)
    return total / (number if kind == "mean" else number.sqrt())


def _dense(x: torch.Tensor, layer: Layer) -> torch.Tensor:
    weight = torch.from_numpy(layer.weight).to(x.dtype)
    bias = None if layer.bias is None else torch.from_numpy(layer.bias).to(x.dtype)
    return _ACTIVATIONS[layer.activation](torch.nn.functional.linear(x, weight, bias))
