"""`standard_heads`: the common task heads of a family, from the names of its classes and its stored layers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from exporter.model.family import Adapt, Head
from exporter.model.heads.common import (
    Entries,
    choice_entries,
    classify_pooled,
    next_sentence_entries,
    pooled_entries,
    ranking_head,
    span_head,
    token_head,
)
from exporter.model.heads.embedding import features_head, sentence_head
from exporter.model.heads.fill_mask import MaskedNames, masked_head
from exporter.model.tasks import MULTIPLE_CHOICE, NEXT_SENTENCE_PREDICTION, TEXT_CLASSIFICATION, Task


@dataclass(frozen=True)
class HeadNames:
    """How a family stores the layers of its heads.

    `masked` are those of fill-mask; `classifier` is the layer with a row for each label in text classification.
    `choice_pooler` is multiple choice's own, where it is not that of text classification; `features_pooler` the layer
    whose result feature-extraction gives beside the tokens' vectors, None for a family without. `next_sentence` is the
    classifier of next-sentence prediction, for a family that was pretrained with it. `unread` begin the names of
    tensors that checkpoints may hold and not every head reads: heads of pretraining, and the encoder's pooler.
    """

    masked: MaskedNames
    classifier: str = "classifier"
    choice_pooler: str | None = None
    features_pooler: str | None = None
    next_sentence: str | None = None
    unread: tuple[str, ...] = ()

    def leftovers(self, *read: str) -> tuple[str, ...]:
        """Those of `unread` that are none of the layers that a head reads."""
        return tuple(lead for lead in self.unread if not any(f"{layer}.".startswith(lead) for layer in read))


def standard_heads(
    classes: str,
    pooler: str,
    activation: str,
    names: HeadNames,
    adapted: Mapping[str, Adapt] = MappingProxyType({}),
) -> tuple[Head, ...]:
    """Return a family's heads: a class of transformers and a task each.

    `classes` begins the names of transformers' classes, as "Bert" does. `pooler` is the stored name of the layer that
    text classification, multiple choice and next-sentence prediction apply to the first token before they classify,
    with `activation` after it. `adapted` are functions for `Head.adapt`, by the name of such a task.
    """

    def pooled(task: Task, suffix: str, entries: Entries, *layers: str, **details: Any) -> Head:
        build = classify_pooled("pooler", activation, task.outputs["logits"])
        leftovers, adapt = names.leftovers(*layers), adapted.get(task.name)
        details |= {"first_token_only": True, "leftovers": leftovers, "adapt": adapt}
        return Head(task, f"{classes}For{suffix}", entries, build, **details)

    choice, following = names.choice_pooler or pooler, names.next_sentence
    classifier, scores = pooled_entries(pooler, names.classifier), f"{names.classifier}.weight"
    labelled = pooled(TEXT_CLASSIFICATION, "SequenceClassification", classifier, pooler, labelled=scores)
    return (
        labelled,
        ranking_head(labelled),
        token_head(f"{classes}ForTokenClassification", leftovers=names.leftovers()),
        span_head(f"{classes}ForQuestionAnswering", leftovers=names.leftovers()),
        _masked_head(classes, names),
        features_head(f"{classes}Model", names.features_pooler, leftovers=names.leftovers(names.features_pooler or "")),
        sentence_head(f"{classes}Model", leftovers=names.leftovers()),
        *((_next_sentence_head(pooled, pooler, following),) if following else ()),
        pooled(MULTIPLE_CHOICE, "MultipleChoice", choice_entries(choice), choice),
    )


def _next_sentence_head(pooled: Callable[..., Head], pooler: str, classifier: str) -> Head:
    entries, labels = next_sentence_entries(pooler, classifier), ("is next", "is not next")
    return pooled(NEXT_SENTENCE_PREDICTION, "NextSentencePrediction", entries, pooler, classifier, labels=labels)


def _masked_head(classes: str, names: HeadNames) -> Head:
    masked = names.masked
    return masked_head(
        f"{classes}ForMaskedLM",
        masked,
        accepts=(f"{classes}ForPreTraining",) if names.next_sentence else (),
        leftovers=names.leftovers(masked.dense, masked.norm, masked.decoder),
    )
