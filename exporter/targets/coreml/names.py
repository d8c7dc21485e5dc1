"""Tensor names in an ML program, and the way back to the names and shapes that every target has.

MIL's identifiers have letters, digits and underscores. A dot becomes an underscore and an underscore two, so the name
can be read back; inputs and outputs keep theirs as they are, for apps write them. Two things in a program have no
tensor of that name in the other targets: helper tensors, which bear their result's name and a suffix, and in the
channels layout the heads of an attention, `NAME.head0` and so on.
"""

import re
from collections.abc import Collection, Mapping

from exporter.model.ops import Array
from exporter.targets.apple_tensors import canonical_shapes, tokens_of_channels


def mil_name(name: str) -> str:
    """`layer.0.attention.scores` → `layer_0_attention_scores`."""
    return name.replace("_", "__").replace(".", "_")


def canonical_name(name: str, outputs: Collection[str] = ()) -> str:
    """`mil_name` undone; the model's `outputs` bear one name everywhere.

    Exact for names whose dots and underscores do not touch, as all of ours.
    """
    return name if name in outputs else re.sub("__|_", lambda found: "_" if found[0] == "__" else ".", name)


def canonical_tensors(tensors: Mapping[str, Array], outputs: Collection[str]) -> dict[str, Array]:
    """A program's tensors under the common names, in the common shapes: see `canonical_shapes`."""
    named = {canonical_name(mil, outputs): tensor for mil, tensor in tensors.items()}
    return canonical_shapes(named, tokens_of_channels)
