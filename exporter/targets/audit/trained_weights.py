"""Which weights fine-tuning changed, and how: what an audit against the untrained checkpoint may find of them."""

from collections.abc import Callable
from functools import partial

from exporter.model.ops import Role, Weight
from exporter.targets.audit.subject import Audited


def what_training_did(audited: Audited) -> Callable[[Weight], str]:
    """Tells of a weight what `finetuning.distillation` did to it: nothing, or a key of `form_rounding.TRAINED`."""
    return _untouched if audited.exact else partial(_trained, audited.checkpoint.model.family.folded_norms)


def _untouched(_: Weight) -> str:
    return ""


def _trained(folded_norms: bool, weight: Weight) -> str:
    encoder = weight.name.startswith(("layer.", "embeddings.", "pooler."))
    if not encoder or weight.role in (Role.POSITION_EMBEDDING, Role.TYPE_EMBEDDING, Role.HEAD):
        return ""
    multiplied = weight.role is Role.TAIL and ".attention." in weight.name
    return "products" if multiplied or folded_norms else "rows"
