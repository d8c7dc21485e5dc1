"""Bundles to make kits of."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exporter.lowering import Settings
from exporter.pipeline import Request, export


def quiet(text: str) -> None:
    pass


@pytest.fixture
def make_bundle(tmp_path: Path, texts: tuple[str, ...]) -> Callable[..., Path]:
    """Export a checkpoint to Core ML; `settings` are lowering.Settings, `changes` of the request."""

    def make(checkpoint: Path, name: str = "bundle", settings: Settings | None = None, **changes: object) -> Path:
        place = tmp_path / name
        wanted = {
            "settings": settings or Settings(sequence_lengths=(24,)),
            "texts": texts,
            "targets": ("coreml",),
            **changes,
        }
        export(Request(str(checkpoint), destination=place, **wanted), quiet)  # type: ignore[arg-type]
        return place

    return make
