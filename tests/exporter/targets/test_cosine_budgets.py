"""What an embedding may lose is what a real model's was seen to lose, with room."""

import json
from pathlib import Path

import pytest

from exporter.targets.registry import TARGETS

ARTIFACTS = Path(__file__).parents[3] / "artifacts"
ROWS = json.loads((ARTIFACTS / "embeddings.json").read_text())["rows"]
NARROW = json.loads((ARTIFACTS / "smallest.json").read_text(encoding="utf-8"))["half-sentences"]["found"]


@pytest.mark.parametrize("name", ROWS)
def test_a_recorded_cosine_has_a_budget_that_it_keeps_and_that_is_near(name):
    target, _, scheme = name.partition("-")
    allowed, lost = 1 - (TARGETS[target].schemes[scheme].budget.min_cosine or 0), 1 - ROWS[name]["least_cosine"]
    assert lost < allowed
    if scheme not in ("none", "fp16"):  # of which one real model says too little
        assert allowed < 3 * lost


@pytest.mark.parametrize("target", NARROW)
def test_so_has_int4_beside_codes(target):
    allowed, lost = 1 - TARGETS[target].schemes["pq4"].budget.min_cosine, 1 - NARROW[target]["least_cosine"]
    assert lost < allowed < 3 * lost


def test_every_scheme_of_core_ml_has_one():
    assert all(scheme.budget.min_cosine for scheme in TARGETS["coreml"].schemes.values())
