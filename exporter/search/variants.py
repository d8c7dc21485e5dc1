"""Variants of one scheme that a search tries: trimmed vocabularies, and lengths of sub-vectors."""

from dataclasses import replace

from exporter.compression.product_quantization import DIMENSIONS
from exporter.targets.registry import has_codes
from exporter.targets.target import Settings

_RARER = (2, 4)
"""Multiples of `--min-count` that are tried with the smallest scheme too."""


def variants(scheme: str, settings: Settings) -> list[Settings]:
    """The settings to try, from what keeps most; nothing fine-tuned."""
    plain, trim = replace(settings, finetune=None), settings.trim
    trims = [None] if trim is None else [None, trim]
    if not has_codes(scheme):
        return [replace(plain, trim=one) for one in trims]
    if trim is not None:
        trims += [replace(trim, min_count=trim.min_count * times) for times in _RARER]
    return [replace(plain, pq_dims=dimensions, trim=one) for dimensions in DIMENSIONS for one in trims]


def told(scheme: str, settings: Settings) -> str:
    """A variant in words, before its tokens are counted."""
    dimensions = [f"{settings.pq_dims} dims"] if has_codes(scheme) and settings.pq_dims != DIMENSIONS[0] else []
    trim = settings.trim
    return ", ".join([scheme, *dimensions, *([f"min-count {trim.min_count}"] if trim else [])])
