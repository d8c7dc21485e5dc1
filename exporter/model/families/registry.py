"""The architectures that are exported, one file each beside this one."""

from collections.abc import Mapping
from typing import Any

from exporter.model.families.bert import BERT
from exporter.model.families.distilbert import DISTILBERT
from exporter.model.families.electra import ELECTRA
from exporter.model.families.mobilebert import MOBILEBERT
from exporter.model.families.roberta import ROBERTA
from exporter.model.family import Family
from runtimes.errors import UnsupportedError, excerpt

FAMILIES: dict[str, Family[Any]] = {
    family.model_type: family for family in (BERT, DISTILBERT, ELECTRA, ROBERTA, MOBILEBERT)
}


def find_family(config: Mapping[str, Any]) -> Family[Any]:
    """Return the family that config.json names. Raises UnsupportedError with the list of what is known."""
    model_type = config.get("model_type")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        if model_type is None:
            raise UnsupportedError(f"config.json: no model_type; write the one that it is: {', '.join(FAMILIES)}")
        raise UnsupportedError(
            f"config.json: model_type {excerpt(model_type)} is not supported; known: {', '.join(FAMILIES)}: export a "
            "model that was fine-tuned from one of these"
        )
    return FAMILIES[model_type]
