"""Read config.json: the values to export, those for the float32 reference, and those that a bundle carries."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.checkpoint.config.neutral import without_stumbling_blocks
from exporter.checkpoint.hints import remote_code, without_config
from exporter.checkpoint.json_files import find_nested, read_object, refuse_code
from exporter.model.config_schema import refuse_variants
from exporter.model.families.registry import find_family
from exporter.model.family import Family
from runtimes.errors import CheckpointError, UnsupportedError

_LABELS = frozenset(("id2label", "label2id", "problem_type", "num_labels"))
_ESSENTIAL = _LABELS | {"model_type", "architectures"}
_UNSAID = frozenset(
    ("_attn_implementation", "attn_implementation", "_commit_hash", "_name_or_path", "name_or_path", "true_hidden_size")
)
"""Keys that transformers itself writes, and nobody misses."""


@dataclass(frozen=True)
class Config:
    """A config.json. `values` are its keys without those that were `left_out`, as `config.neutral` says."""

    family: Family[Any]
    values: dict[str, Any]
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know of it, one line each."""
        odd = [key for key in self.left_out if key not in _UNSAID]
        if not odd:
            return ()
        named = ", ".join(name if name.isprintable() else repr(name) for name in odd[:5])
        more = f" and {len(odd) - 5} more" if len(odd) > 5 else ""
        return (f"config.json: left out {named}{more}: no answer depends on them, and libraries would stumble",)


def read_config(directory: Path) -> Config:
    """Read a checkpoint's config.json, in UTF-8 or what else JSON may be in.

    Raises CheckpointError where it is missing or no JSON, UnsupportedError for an architecture that is not known here
    or a variant of one (see `refuse_variants`), and for what asks for code, or for weights stored for another library.
    """
    path = directory / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{directory}: no config.json; {without_config(directory)}")
    raw = read_object(path, f"{directory}: no config.json", constants=True)
    if raw.get("auto_map") and (known := remote_code(raw)):
        what, other = known
        raise UnsupportedError(f"{path}: {what}; pass {other}, or another like it that needs no code")
    refuse_code(path, raw)
    if find_nested(raw, "quantization_config"):
        raise UnsupportedError(
            f"{path}: a quantization_config asks for a library that takes the weights for something else, which is "
            "never done; save the model without it"
        )
    return sanitised(raw)


def sanitised(raw: Mapping[str, Any]) -> Config:
    """The config without what libraries stumble over. Raises as `read_config` for its architecture."""
    family = find_family(raw)
    refuse_variants(family.schema, raw)
    essential = _ESSENTIAL | family.schema.model_fields.keys() | family.schema.aliases.keys()
    values, left_out = without_stumbling_blocks(raw, frozenset(essential))
    return Config(family, values, tuple(left_out))


def for_reference(family: Family[Any], config: Mapping[str, Any], labels: int | None) -> dict[str, Any]:
    """What transformers' config class is made of: what decides an answer and nothing else.

    `labels` are the rows of a classifier; without, transformers takes 2, which is what every other head has.
    """
    values = family.schema.read(config).for_reference()
    return {"model_type": family.model_type, **values, **({} if labels is None else {"num_labels": labels})}
