"""Hides torch, transformers and what brings them from a Python that finds this folder first, and from its children."""

from importlib.machinery import PathFinder
from importlib.metadata import MetadataPathFinder

HIDDEN = ("torch", "transformers", "sentence_transformers", "peft", "optimum", "accelerate")
_find_spec, _find_distributions = PathFinder.find_spec, MetadataPathFinder.find_distributions


def _spec(name, path=None, target=None):
    return None if name.partition(".")[0] in HIDDEN else _find_spec(name, path, target)


def _distributions(*context):
    found = _find_distributions(*context)
    return (one for one in found if str(one.metadata["Name"]).lower().replace("-", "_") not in HIDDEN)


PathFinder.find_spec = staticmethod(_spec)
MetadataPathFinder.find_distributions = staticmethod(_distributions)
