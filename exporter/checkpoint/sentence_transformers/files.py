"""Write a bundle's sentence-transformers files, in a form that every version from 2 to 6 loads.

Version 6 writes other module paths and settings, which 5 cannot load, and reads those of 5.
"""

from collections.abc import Iterable, Iterator, Mapping

from safetensors.numpy import save

from exporter.checkpoint.weight_files import SINGLE, TensorOnDisk
from exporter.model.heads.embedding import Dense, SentenceRecipe
from runtimes.files.json_text import to_json

ACTIVATIONS = {"Tanh": "tanh", "Identity": None, "ReLU": "relu", "GELU": "gelu", "SiLU": "silu"}
"""The class that a Dense names for its activation → what `Ops.activation` knows."""
LEGACY_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How Pooling wrote its mode before version 6."""
_MODULES = "torch.nn.modules"


def embedding_files(
    recipe: SentenceRecipe, tensors: Mapping[str, TensorOnDisk], longest: int, width: int
) -> dict[str, bytes]:
    """Name → bytes, for a model whose encoder has vectors of `width` and whose texts are truncated at `longest`."""
    kinds = ["Transformer", "Pooling", *("Normalize" if step is None else "Dense" for step in recipe.steps)]
    paths = ["" if number == 0 else f"{number}_{kind}" for number, kind in enumerate(kinds)]
    files = {
        "modules.json": to_json(module_list(zip(kinds, paths, strict=True))),
        "sentence_bert_config.json": to_json({"max_seq_length": longest, "do_lower_case": False}),
        f"{paths[1]}/config.json": to_json(_pooling(recipe, width)),
    }
    for path, step in zip(paths[2:], recipe.steps, strict=True):
        if step is not None:
            files |= {f"{path}/{name}": content for name, content in _dense(step, tensors)}
    return files


def module_list(modules: Iterable[tuple[str, str]]) -> list[dict[str, object]]:
    """modules.json, of the class and the folder of each module."""
    return [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(modules)
    ]


def _pooling(recipe: SentenceRecipe, width: int) -> dict[str, object]:
    modes = {key: mode.removesuffix("_tokens") == recipe.pooling for key, mode in LEGACY_POOLINGS.items()}
    return {"word_embedding_dimension": width, **modes, "include_prompt": True}


def _dense(layer: Dense, tensors: Mapping[str, TensorOnDisk]) -> Iterator[tuple[str, bytes]]:
    prefix, kind = f"{layer.name}.", next(name for name, ours in ACTIVATIONS.items() if ours == layer.activation)
    place = "linear" if kind == "Identity" else "activation"
    config = {"in_features": layer.inner, "out_features": layer.out, "bias": layer.biased}
    yield "config.json", to_json(config | {"activation_function": f"{_MODULES}.{place}.{kind}"})
    own = {name.removeprefix(prefix): tensor.read() for name, tensor in tensors.items() if name.startswith(prefix)}
    yield SINGLE, save(own)
