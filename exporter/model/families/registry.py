"""The registry of model families: lookup by the `model_type` of a config.json, plug-ins included."""

from collections.abc import Mapping
from typing import Any

from exporter.model.families.albert import ALBERT
from exporter.model.families.bert import BERT
from exporter.model.families.camembert import CAMEMBERT
from exporter.model.families.deberta_v2 import DEBERTA_V2
from exporter.model.families.distilbert import DISTILBERT
from exporter.model.families.electra import ELECTRA
from exporter.model.families.mobilebert import MOBILEBERT
from exporter.model.families.model2vec import MODEL2VEC
from exporter.model.families.modernbert import MODERNBERT
from exporter.model.families.mpnet import MPNET
from exporter.model.families.roberta import ROBERTA
from exporter.model.families.xlm_roberta import XLM_ROBERTA
from exporter.model.family import Family
from runtimes.errors import UnsupportedError, excerpt
from runtimes.plugins import Registry

GROUP = "bertport.families"
_OLDER = (BERT, DISTILBERT, ELECTRA, ROBERTA, MOBILEBERT, XLM_ROBERTA, CAMEMBERT, ALBERT)
OWN = {one.name: one for one in (*_OLDER, MPNET, MODERNBERT, DEBERTA_V2, MODEL2VEC)}
FAMILIES: Registry[Family[Any]] = Registry(OWN, GROUP, Family)
"""bertport's own, and those of packages with an entry point in the group `bertport.families`."""


def find_family(config: Mapping[str, Any]) -> Family[Any]:
    """Return the family that config.json names.

    Raises UnsupportedError with the list of what is known, ExportError for a plug-in that cannot be used.
    """
    model_type = config.get("model_type")
    known = ", ".join(FAMILIES)  # always: a plug-in whose name is taken must not be passed over in silence
    if model_type is None:
        raise UnsupportedError(f"config.json: no model_type; write the one that it is: {known}")
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise UnsupportedError(
            f"config.json: model_type {excerpt(model_type)} is not supported; known: {known}: export a "
            f"model that was fine-tuned from one of these, or install a package that adds it (entry point {GROUP})"
        )
    return FAMILIES[model_type]
