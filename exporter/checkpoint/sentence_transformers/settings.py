"""Read the settings of a sentence-transformers model: maximum length, prompts, lower-casing, and its class.

`sentence_bert_config.json` belongs to the Transformer module, `config_sentence_transformers.json` to the whole model.
Read as sentence-transformers 6.2 reads them (base/modules/transformer.py, base/model.py); what would change an answer
and is not honoured here is refused by name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.checkpoint.json_files import read_object
from exporter.model.tasks import FEATURE_EXTRACTION
from runtimes.errors import CheckpointError, UnsupportedError, excerpt, some

PASS = f"pass --task {FEATURE_EXTRACTION.name} for the vectors of the tokens"
"""The way past what is not known beside an encoder: the encoder alone."""
MODEL_SETTINGS = "config_sentence_transformers.json"
MODULE_SETTINGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
"""The names under which any version has saved the Transformer's settings, in the order in which they are looked for."""
_TASKS = {
    "SentenceTransformer": ("feature-extraction", "last_hidden_state"),
    "CrossEncoder": ("sequence-classification", "logits"),
}
"""Class of sentence-transformers → the task of its Transformer, and the output of it that is read."""
_HARMLESS = {
    "model": {"attn_implementation", "torch_dtype", "dtype", "low_cpu_mem_usage", "use_safetensors", "device_map"},
    "tokenizer": {"model_max_length", "use_fast"},
    "processor": {"model_max_length", "use_fast"},
    "config": {"attn_implementation", "torch_dtype", "dtype"},
}
"""Options passed on to transformers that leave float32's answers as they are; each version has own words for them."""


@dataclass(frozen=True)
class SentenceSettings:
    """`max_tokens`: where texts are truncated, where that is said here. `prompt` stands before every (first) text.

    `prompts` are the names of all prompts, `activation` is the path of the class that a CrossEncoder applies to its
    scores, `lowercase` whether texts are lower-cased before the tokenizer. `files` are those that were read.
    """

    model_type: str = "SentenceTransformer"
    max_tokens: int | None = None
    prompt: str = ""
    prompts: tuple[str, ...] = ()
    activation: str | None = None
    lowercase: bool = False
    files: tuple[Path, ...] = ()


def read_settings(root: Path, encoder: Path) -> SentenceSettings:
    """Read the settings of the model in `root` whose Transformer lies in `encoder`.

    Raises CheckpointError for what is damaged, UnsupportedError for what changes an answer and is not honoured.
    """
    whole = root / MODEL_SETTINGS
    own = next((path for name in MODULE_SETTINGS if (path := encoder / name).is_file()), None)
    model = _read(whole) if whole.is_file() else {}
    module = _read(own) if own else {}
    kind = _model_type(whole, model, module)
    if own:
        _check_module(own, module, kind)
    prompt, names = _prompt(whole, model)
    activation = model.get("activation_fn")
    return SentenceSettings(
        kind,
        _max_tokens(own, module) if own else None,
        prompt,
        names,
        None if activation is None else str(activation),
        module.get("do_lower_case") is True,
        tuple(path for path in (whole, own) if path is not None and path.is_file()),
    )


def scores_pairs(directory: Path) -> bool:
    """Whether the model in `directory` is a CrossEncoder; nothing else of its settings is judged."""
    paths = [path for name in (MODEL_SETTINGS, MODULE_SETTINGS[0]) if (path := directory / name).is_file()]
    found: dict[str, Any] = {}
    for path in paths:
        found |= _read(path)
    return bool(found.get("model_type", _guessed(found)) == "CrossEncoder")


def _guessed(module: Mapping[str, Any]) -> str:
    """The class by its Transformer's task."""
    return "CrossEncoder" if module.get("transformer_task") == _TASKS["CrossEncoder"][0] else "SentenceTransformer"


def _read(path: Path) -> dict[str, Any]:
    return read_object(path, f"{path}: missing; fetch the checkpoint again")


def _model_type(path: Path, model: Mapping[str, Any], module: Mapping[str, Any]) -> str:
    """The class by its name, or by its Transformer's task where the model's own file is missing."""
    found = model.get("model_type", _guessed(module))
    if not isinstance(found, str) or found not in _TASKS:
        raise UnsupportedError(
            f"{path}: model_type {excerpt(found)} is not supported here; known: {', '.join(_TASKS)}; {PASS}"
        )
    if model.get("truncate_dim") is not None:
        raise UnsupportedError(
            f"{path}: truncate_dim {excerpt(model['truncate_dim'])} is not supported; remove it, and truncate the "
            "vectors in the app"
        )
    return str(found)


def _prompt(path: Path, model: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The prompt that `encode` and `predict` put before a text by default, and the names of all."""
    prompts, name = model.get("prompts") or {}, model.get("default_prompt_name")
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise CheckpointError(
            f"{path}: expected prompts as an object of texts, found {excerpt(prompts)}; correct the file"
        )
    if name is not None and not (isinstance(name, str) and name in prompts):
        known = some([excerpt(one) for one in prompts]) or "none"
        raise CheckpointError(
            f"{path}: default_prompt_name {excerpt(name)} is none of its prompts ({known}); correct it"
        )
    return ("" if name is None else prompts[name] or ""), tuple(prompts)


def _check_module(path: Path, module: Mapping[str, Any], kind: str) -> None:
    task, output = _TASKS[kind]
    found = module.get("transformer_task", task)
    if found != task:
        raise UnsupportedError(f"{path}: transformer_task {excerpt(found)}, expected {task} for a {kind}; {PASS}")
    text = _object(path, _object(path, module, "modality_config"), "text")
    read = (text.get("method", "forward"), text.get("method_output_name", output))
    if read != ("forward", output):
        raise UnsupportedError(
            f"{path}: reads {excerpt(read[1])} of {excerpt(read[0])}, expected {output} of forward; {PASS}"
        )
    if module.get("tokenizer_name_or_path"):
        raise UnsupportedError(
            f"{path}: tokenizer_name_or_path {excerpt(module['tokenizer_name_or_path'])} names another tokenizer; put "
            "it beside the model and remove the key"
        )
    for part, harmless in _HARMLESS.items():
        options = _options(module, part)
        if unknown := sorted(options.keys() - harmless):
            raise UnsupportedError(
                f"{path}: {part} options {some(unknown)} are not supported; known: {', '.join(sorted(harmless))}; "
                "save the model with what they change, and remove them"
            )


def _object(path: Path, holder: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An object within another; an empty one where there is none. Raises CheckpointError."""
    found = holder.get(key) or {}
    if not isinstance(found, dict):
        raise CheckpointError(f"{path}: {key} {excerpt(found)}, expected an object; correct the file")
    return found


def _options(module: Mapping[str, Any], part: str) -> dict[str, Any]:
    """Options of one kind, under the name of version 6 and under the older one."""
    found = [module.get(f"{part}_{word}") for word in ("args", "kwargs")]
    return {key: value for options in found if isinstance(options, dict) for key, value in options.items()}


def _max_tokens(path: Path, module: Mapping[str, Any]) -> int | None:
    """Of every place the one that wins: what is passed to each call, then to the tokenizer, then the key itself."""
    processing = _object(path, module, "processing_kwargs")
    calls = [_object(path, processing, part).get("max_length") for part in ("text", "common")]
    tokenizer = _options(module, "tokenizer") | _options(module, "processor")
    places = {
        "processing_kwargs max_length": next((one for one in calls if one is not None), None),
        "model_max_length": tokenizer.get("model_max_length"),
        "max_seq_length": module.get("max_seq_length"),
    }
    for name, value in places.items():
        if value is not None:
            return number_of_tokens(path, name, value)
    return None


def number_of_tokens(path: Path, name: str, value: Any) -> int:
    """A length as a file states it, which may be transformers' 1e30 for none. Raises CheckpointError."""
    if type(value) not in (int, float) or not 1 <= value < float("inf"):
        raise CheckpointError(f"{path}: {name} {excerpt(value)} is no number of tokens; correct the file")
    return int(value)
