"""The schemes of Core ML: those of `targets.encoding.form_schemes`, and the oldest system that has their forms.

| scheme | oldest target |
| --- | --- |
| none, fp16, int8, palettize6, palettize4 | iOS16 |
| w8a8, pq | iOS17 |
| int4-embeddings, int4, pq4 | iOS18 |
"""

from dataclasses import dataclass

from exporter.targets.encoding.form_schemes import FORM_SCHEMES
from exporter.targets.encoding.forms import FormScheme
from runtimes.errors import UsageError

_FIRST_TARGET = "iOS16"
_OLDEST = {"w8a8": "iOS17", "pq": "iOS17", "int4-embeddings": "iOS18", "int4": "iOS18", "pq4": "iOS18"}


@dataclass(frozen=True)
class CoreMLScheme(FormScheme):
    """A scheme of Core ML: see FormScheme."""

    oldest_target: str = _FIRST_TARGET


SCHEMES = {
    name: CoreMLScheme(**vars(scheme), oldest_target=_OLDEST.get(name, _FIRST_TARGET))
    for name, scheme in FORM_SCHEMES.items()
}
"""`--quantize` → its scheme."""


def find_scheme(name: str) -> CoreMLScheme:
    """Return the scheme called `name`. Raises UsageError with the list of them."""
    if name not in SCHEMES:
        raise UsageError(f"--quantize {name}: unknown to coreml; it has {', '.join(SCHEMES)}")
    return SCHEMES[name]
