"""The registry of model families: lookup by the `model_type` of a config.json, plug-ins included.

Other packages add families by entry points of the group `bertport.families`, named as their `model_type`
(`runtimes.plugins`); each is imported when a config.json first names it.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

from exporter.model.families.bert import BERT
from exporter.model.families.distilbert import DISTILBERT
from exporter.model.families.electra import ELECTRA
from exporter.model.families.mobilebert import MOBILEBERT
from exporter.model.families.roberta import ROBERTA
from exporter.model.family import Family
from runtimes.errors import ExportError, UnsupportedError, excerpt
from runtimes.plugins import distribution, find_plugins, load_plugin

FAMILIES: dict[str, Family[Any]] = {
    family.model_type: family for family in (BERT, DISTILBERT, ELECTRA, ROBERTA, MOBILEBERT)
}
"""The families of this package, by model_type."""
GROUP = "bertport.families"


def find_family(config: Mapping[str, Any]) -> Family[Any]:
    """Return the family that config.json names.

    Raises UnsupportedError with the list of what is known, ExportError for a plug-in that cannot be used.
    """
    plugins, model_type = find_plugins(GROUP, taken=FAMILIES), config.get("model_type")
    known = ", ".join((*FAMILIES, *plugins))
    if model_type is None:
        raise UnsupportedError(f"config.json: no model_type; write the one that it is: {known}")
    if not isinstance(model_type, str) or model_type not in {*FAMILIES, *plugins}:
        raise UnsupportedError(
            f"config.json: model_type {excerpt(model_type)} is not supported; known: {known}: export a "
            f"model that was fine-tuned from one of these, or install a package that adds it (entry point {GROUP})"
        )
    return FAMILIES.get(model_type) or _load(plugins[model_type])


def every_family() -> dict[str, Family[Any]]:
    """Every family by model_type, those of plug-ins too. Raises ExportError for a plug-in that cannot be used."""
    return FAMILIES | {name: _load(entry) for name, entry in find_plugins(GROUP, taken=FAMILIES).items()}


def _load(entry: EntryPoint) -> Family[Any]:
    family = load_plugin(entry, Family)
    if family.model_type != entry.name:
        raise ExportError(
            f"{distribution(entry)}: its {GROUP} entry point {entry.name!r} gives the family of model_type "
            f"{excerpt(family.model_type)}, and both must have one name; upgrade or uninstall {distribution(entry)}"
        )
    return family
