"""Detect text classifiers that read pairs: by their task, CrossEncoder settings, GLUE task or label names."""

from exporter.checkpoint.checkpoint import Checkpoint
from exporter.model.tasks import TEXT_CLASSIFICATION, TEXT_RANKING

_PAIR_TASKS = {"mnli", "mnli-mm", "mrpc", "qnli", "qqp", "rte", "sts-b", "stsb", "wnli", "snli", "anli"}
_PAIR_LABELS = {"entailment", "not_entailment", "contradiction", "equivalent", "not_equivalent", "duplicate"}


def reads_pairs(checkpoint: Checkpoint) -> bool:
    """Whether a classifier was trained on pairs: to rank, as a CrossEncoder, by the task of GLUE, or by its labels."""
    if checkpoint.task is not TEXT_CLASSIFICATION:
        return checkpoint.task is TEXT_RANKING
    task = str(checkpoint.config.get("finetuning_task") or "").lower()
    return (
        checkpoint.pairs or task in _PAIR_TASKS or bool({label.lower() for label in checkpoint.labels} & _PAIR_LABELS)
    )
