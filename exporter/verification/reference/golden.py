"""golden.json: texts, token ids and PyTorch's outputs, for tests on a device."""

from typing import Any

import numpy as np

from exporter.model.model import Model
from exporter.model.ops import Array, Extent
from exporter.verification.reference.reference import Reference
from runtimes.parity.cases import Case, examples
from runtimes.runner import Outputs

GOLDEN, _BEST = 8, 5


def golden_record(reference: Reference, lengths: tuple[int, ...]) -> dict[str, Any]:
    """The first few texts and their answers, for a bundle of these `lengths` where they are fixed.

    text → ids, mask, types → outputs; ids are the bundle's own where its vocabulary was trimmed.
    """
    battery, checkpoint = reference.battery(max(lengths, default=None), lengths), reference.checkpoint
    besides = checkpoint.task.besides
    real = [
        (case, {name: values for name, values in outputs.items() if name not in besides})
        for case, outputs in zip(battery.cases, battery.outputs, strict=True)
        if case.real_text
    ]
    rows = list(zip(examples(reference.source.texts, battery.limits), real, strict=True))[:GOLDEN]
    vectors = [_told(parts) | _vector(*pair, checkpoint.model, reference.kept) for parts, pair in rows]
    record = {"reference": "PyTorch float32", "vectors": vectors}
    return record | ({"prompt": checkpoint.prompt} if checkpoint.prompt else {})


def _vector(case: Case, outputs: Outputs, model: Model, kept: Array | None) -> dict[str, Any]:
    """Ids, and what has an entry for each token, without the padding of a fixed length, which the model tells."""
    used = case.batch.used
    feeds = {name: values[0][..., :used].tolist() for name, values in case.batch.feeds(model.inputs).items()}
    if kept is not None:  # the bundle's own ids
        feeds["input_ids"] = np.searchsorted(kept, feeds["input_ids"]).tolist()
    if case.mask_id is not None:
        return feeds | _best_pieces(case, outputs)
    by_token = {name for name, extent in model.outputs.items() if extent in (Extent.TOKEN, Extent.POSITION)}
    rows = {name: values[0][:used] if name in by_token else values[0] for name, values in outputs.items()}
    return feeds | {name: np.round(row.astype(np.float64), 6).tolist() for name, row in rows.items()}


def _best_pieces(case: Case, outputs: Outputs) -> dict[str, Any]:
    """Of a vocabulary's scores the best few at each mask: all of them would outweigh the model."""
    positions = np.flatnonzero(case.counted[0])
    scores = outputs["logits"][0][case.kept[0]].astype(np.float64)  # [masks, V]
    best = np.argsort(-scores, axis=-1, kind="stable")[:, :_BEST]
    top = np.round(np.take_along_axis(scores, best, -1), 6)
    return {"positions": positions.tolist(), "top_ids": best.tolist(), "top_logits": top.tolist()}


def _told(parts: tuple[str, ...]) -> dict[str, Any]:
    """A text, a pair, or a text and its choices, by the names of transformers' tokenizers."""
    if len(parts) > 2:
        return {"text": parts[0], "choices": list(parts[1:])}
    return dict(zip(("text", "text_pair"), parts, strict=False))
