"""Where a model repository of the Hugging Face Hub has a bundle's model files."""

from collections.abc import Mapping
from dataclasses import dataclass

from runtimes.bundle.manifest import Recipe


@dataclass(frozen=True)
class HubPlaces:
    """Model files, or packages, by name → their paths in a repository; none for a file that has no use there.

    `dtypes` are what transformers.js calls the recipe, where it means the same.
    """

    files: Mapping[str, tuple[str, ...]]
    dtypes: tuple[str, ...] = ()


def in_a_folder(names: tuple[str, ...], recipe: Recipe) -> HubPlaces:
    """Files in a folder of the target's and the scheme's name: no convention of others says where."""
    return HubPlaces({name: (f"{recipe.target}/{recipe.scheme}/{name}",) for name in names})
