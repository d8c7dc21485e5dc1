"""Choose the activation that makes a classifier's scores of its logits, as transformers and sentence-transformers do.

transformers' text-classification pipeline: nothing for `problem_type` "regression", sigmoid for several labels at once
or one label, softmax otherwise (pipelines/text_classification.py, 5.23). CrossEncoder.predict: the class that its files
name, else sigmoid for one label and nothing for more (cross_encoder/model.py, 6.2); it reads no `problem_type`.
"""

from collections.abc import Mapping
from typing import Any

from exporter.checkpoint.sentence_transformers.settings import SentenceSettings
from runtimes.errors import CheckpointError, UnsupportedError

SIGMOID, SOFTMAX, NONE = "sigmoid", "softmax", "none"
_CLASSES = {"Sigmoid": SIGMOID, "Identity": NONE, "Softmax": SOFTMAX}
"""Class of torch → what it does to the scores of a text."""
_OLD_KEY = "sbert_ce_default_activation_function"
"""Where CrossEncoder kept its class before version 4."""


def is_cross_encoder(config: Mapping[str, Any], settings: SentenceSettings | None) -> bool:
    """Whether sentence-transformers' files, or its keys in config.json, say that pairs are scored."""
    kept = config.get("sentence_transformers")
    configured = _OLD_KEY in config or (isinstance(kept, dict) and "activation_fn" in kept)
    return configured if settings is None else settings.model_type == "CrossEncoder"


def ranks_pairs(config: Mapping[str, Any], settings: SentenceSettings | None, labels: int) -> bool:
    """Whether a classifier ranks texts: a CrossEncoder of one label does (cross_encoder/model_card.py, 6.2)."""
    return labels == 1 and is_cross_encoder(config, settings)


def classifier_activation(
    config: Mapping[str, Any], problem: str, labels: int, settings: SentenceSettings | None
) -> str:
    """The activation of a text classifier. Raises UnsupportedError for a class that is not known here."""
    if is_cross_encoder(config, settings):
        return _of_cross_encoder(config, labels, settings)
    if problem == "regression":
        return NONE
    return SIGMOID if problem == "multi_label_classification" or labels == 1 else SOFTMAX


def _of_cross_encoder(config: Mapping[str, Any], labels: int, settings: SentenceSettings | None) -> str:
    kept = config.get("sentence_transformers") or {}
    if not isinstance(kept, dict):
        raise CheckpointError(
            f"config.json: expected sentence_transformers as an object, found {kept!r:.40}; correct it"
        )
    places = (settings.activation if settings else None, kept.get("activation_fn"), config.get(_OLD_KEY))
    named = next((str(name) for name in places if str(name).startswith("torch.")), None)  # it trusts no other class
    if named is None:
        return SIGMOID if labels == 1 else NONE
    found = _CLASSES.get(named.rpartition(".")[2])
    if found is None:
        raise UnsupportedError(
            f"config.json: activation_fn {named[:80]} is not supported; known: {', '.join(_CLASSES)}; write Identity "
            "there and apply it in the app"
        )
    return found
